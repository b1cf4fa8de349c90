/*
 * /v1/sync: everything that changed for the caller since a cursor, by kind, with tombstones;
 * without a cursor everything there is.  The log shows which entities changed; their current state
 * is read from their collections and streamed, so that memory does not grow with the reply.
 */
#include "api/v1/handlers.h"

#include <stdlib.h>
#include <string.h>

#include "api/access/api_token_auth.h"
#include "api/access/project_access.h"
#include "api/http/doc_read.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/notifications.h"
#include "api/v1/projects/members.h"
#include "api/v1/projects/projects.h"
#include "api/v1/sync/sync_deleted.h"
#include "api/v1/sync/sync_plan.h"
#include "api/v1/tasks/saved_filters.h"
#include "api/v1/tasks/subscriptions.h"
#include "api/v1/user_jobs.h"
#include "common/change/cursor.h"
#include "common/store/store.h"

#define CURSOR_MAX   262144 /* 5,000 projects need less */
#define NOTICES_FULL 200    /* notifications sent when there is no cursor */
#define NAMES_MAX    1000   /* members whose names are looked up at once */
#define IDS_AT_ONCE  100    /* in one query: at most 50 queries per kind for 5,000 projects */
#define BATCH        1000   /* documents in one batch; the default is 16 MiB */

static const char *const names[SYNC_KINDS] = {
    [SYNC_PROJECTS] = "projects",
    [SYNC_MEMBERS] = "members",
    [SYNC_TASKS] = "tasks",
    [SYNC_COMMENTS] = "comments",
    [SYNC_ATTACHMENTS] = "attachments",
    [SYNC_NOTIFICATIONS] = "notifications",
    [SYNC_FILTERS] = "filters",
    [SYNC_SUBSCRIPTIONS] = "subscriptions",
    [SYNC_JOBS] = "jobs",
};

/* clang-format off */
static const struct field tombstone_fields[] = {
    {"entity",    TEXT, 0},
    {"id",        REF,  0},
    {"projectId", REF,  NULLABLE, .about = "the project it was in; for members and entities that left a project"},
    {NULL},
};
static const struct field sync_fields[] = {
    {"projects",      OBJECTS, 0, .items = project_fields},
    {"members",       ANY,     0, .about = "[{userId, role, name, projectId}]"},
    {"tasks",         ANY,     0, .about = "[Task]"},
    {"comments",      ANY,     0, .about = "[Comment]"},
    {"attachments",   ANY,     0, .about = "[Attachment]"},
    {"notifications", ANY,     0, .about = "[Notification]"},
    {"filters",       ANY,     0, .about = "[Filter], except to tokens bound to projects"},
    {"subscriptions", ANY,     0, .about = "[Subscription]"},
    {"jobs",          ANY,     0, .about = "[Job], except to tokens bound to projects"},
    {"deleted",       OBJECTS, 0, .items = tombstone_fields, .about = "a task's comments and attachments go with it"},
    {"whole",         REFS,    0, .about = "projects contained in full; discard anything else you have of them"},
    {"cursor",        TEXT,    0, .about = "for the next request, and for follow {topic: all} on the WebSocket"},
    {"more",          FLAG,    0, .about = "true when there is more: request again with the new cursor"},
    {"full",          FLAG,    0, .about = "discard everything you have; this and the following replies contain everything"},
    {NULL},
};
static const struct field sync_body_fields[] = {
    {"cursor", TEXT, MAY_SET | NULLABLE, 0, CURSOR_MAX, .about = "cursor of the previous reply; null for everything"},
    {NULL},
};
/* clang-format on */

const struct shape sync_shape = {"Sync", sync_fields};
const struct shape sync_body_shape = {"SyncFrom", sync_body_fields};
const struct filter sync_params[] = {
    {"cursor", NULL, TEXT, CUSTOM, NULL,
     "cursor of the previous reply; omitted for everything. Send one that is too long for a URL "
     "with POST"},
    {NULL},
};

struct member {
    bson_oid_t user;
    const struct sync_topic *topic;
    enum role role;
    char *name; /* NULL: the account is gone */
};

struct sync {
    struct request *r;
    struct sync_plan plan;
    struct text *out;
    enum sync_kind kind; /* of the list being written */
    bool comma;
    bool exact;      /* entities are being read by their ids, because they changed */
    store_each each; /* handles each document that find() finds */
    struct member members[NAMES_MAX];
    int member_count;
};

/* Begins the next item of a list. */
static struct text *
item(struct sync *s)
{
    if (s->comma)
        text_putc(s->out, ',');
    s->comma = true;
    return s->out;
}

static void
begin(struct sync *s, enum sync_kind kind)
{
    text_printf(s->out, "%s\"%s\":[", kind == 0 ? "{" : "],", names[kind]);
    s->kind = kind;
    s->comma = false;
    s->exact = false;
}

/* Ids of projects, users, entities: for $in. */
struct ids {
    bson_oid_t *list;
    int count;
};

static struct ids
ids_new(struct sync *s, int most)
{
    return (struct ids){arena_alloc(s->r->arena, (size_t)most * sizeof(bson_oid_t)), 0};
}

static bool
is_whole(const struct sync_topic *t)
{
    return t->state == SYNC_WHOLE;
}

static bool
has_news(const struct sync_topic *t)
{
    return t->state == SYNC_WHOLE || t->changed || t->members;
}

static struct ids
ids_of_projects(struct sync *s, bool (*which)(const struct sync_topic *))
{
    struct ids ids = ids_new(s, s->plan.topic_count);

    for (int i = 0; i < s->plan.topic_count; i++)
        if (which(&s->plan.topics[i]))
            ids.list[ids.count++] = s->plan.topics[i].id;
    return ids;
}

static struct ids
ids_of_items(struct sync *s, enum sync_kind kind)
{
    struct ids ids = ids_new(s, s->plan.item_count);

    for (int i = 0; i < s->plan.item_count; i++)
        if (s->plan.items[i].kind == kind)
            ids.list[ids.count++] = s->plan.items[i].id;
    return ids;
}

/* Passes to `each` all documents that have one of the ids in a field and are not in the trash. */
static enum err
find(struct sync *s, enum store_name store, const char *field, const struct ids *ids)
{
    enum err err = ERR_NONE;

    for (int at = 0; err == ERR_NONE && at < ids->count; at += IDS_AT_ONCE) {
        bson_t filter = BSON_INITIALIZER, opts = BSON_INITIALIZER;
        int left = ids->count - at;

        doc_in_ids(&filter, field, ids->list + at,
                   (uint32_t)(left < IDS_AT_ONCE ? left : IDS_AT_ONCE));
        if (store != STORE_USERS)
            BSON_APPEND_NULL(&filter, "deletedAt");
        BSON_APPEND_INT32(&opts, "batchSize", BATCH);
        err = store_find(s->r->store, &(struct store_query){store, &filter, &opts}, s->each, s);
        bson_destroy(&filter);
        bson_destroy(&opts);
    }
    return err;
}

/* ------------------------------------------------------------ projects and members */

static enum err
write_project(void *arg, const bson_t *doc)
{
    struct sync *s = arg;
    struct sync_topic *t = sync_plan_topic(&s->plan, doc_id(doc, "_id"));

    if (project_access_check(s->r, doc, ACTION_READ) != ERR_NONE)
        return ERR_NONE;
    t->seen = true;
    if (t->state == SYNC_WHOLE || t->changed)
        projects_write(s->r, item(s), doc);
    reply_flush(s->r);
    return ERR_NONE;
}

/*
 * A project that became invisible after the plan was made is sent as lost, and its number removed.
 */
static enum err
write_projects(struct sync *s)
{
    struct ids ids = ids_of_projects(s, has_news);
    enum err err;

    s->each = write_project;
    err = find(s, STORE_PROJECTS, "_id", &ids);
    for (int i = 0; err == ERR_NONE && i < s->plan.topic_count; i++) {
        struct sync_topic *t = &s->plan.topics[i];

        if (has_news(t) && !t->seen)
            t->state = SYNC_GONE;
    }
    return err;
}

static int
compare_members(const void *a, const void *b)
{
    return bson_oid_compare(&((const struct member *)a)->user, &((const struct member *)b)->user);
}

static enum err
take_name(void *arg, const bson_t *user)
{
    struct sync *s = arg;
    struct member key = {.user = *doc_id(user, "_id")}, *end = s->members + s->member_count, *m;

    m = bsearch(&key, s->members, (size_t)s->member_count, sizeof(key), compare_members);
    while (m != NULL && m > s->members && compare_members(m - 1, &key) == 0)
        m--;
    for (; m != NULL && m < end && compare_members(m, &key) == 0; m++)
        m->name = text_dup(doc_text(user, "name"));
    return ERR_NONE;
}

/* Looks up the gathered members' names and writes them. */
static enum err
write_members(struct sync *s)
{
    struct ids ids = ids_new(s, s->member_count);
    store_each each = s->each;
    char more[64];
    enum err err;

    qsort(s->members, (size_t)s->member_count, sizeof(s->members[0]), compare_members);
    for (int i = 0; i < s->member_count; i++)
        if (i == 0 || compare_members(&s->members[i - 1], &s->members[i]) != 0)
            ids.list[ids.count++] = s->members[i].user;
    s->each = take_name;
    err = find(s, STORE_USERS, "_id", &ids);
    s->each = each;
    for (int i = 0; i < s->member_count; i++) {
        struct member *m = &s->members[i];

        snprintf(more, sizeof(more), ",\"projectId\":\"%s\"", topic_id(m->topic->name));
        if (err == ERR_NONE && m->name != NULL)
            members_write_one(item(s), &m->user, m->role, m->name, more);
        free(m->name);
        m->name = NULL;
    }
    s->member_count = 0;
    reply_flush(s->r);
    return err;
}

static enum err
gather_member(void *arg, const bson_t *project, const bson_oid_t *user, enum role role)
{
    struct sync *s = arg;
    const struct sync_topic *t = sync_plan_topic(&s->plan, doc_id(project, "_id"));
    int items = sync_plan_find(&s->plan, SYNC_MEMBERS, user, (int)(t - s->plan.topics));

    if (items == 0 && t->state != SYNC_WHOLE)
        return ERR_NONE;
    s->members[s->member_count++] = (struct member){.user = *user, .topic = t, .role = role};
    return s->member_count == NAMES_MAX ? write_members(s) : ERR_NONE;
}

static enum err
gather_members(void *arg, const bson_t *project)
{
    const struct sync *s = arg;

    if (project_access_check(s->r, project, ACTION_READ) != ERR_NONE)
        return ERR_NONE;
    return access_each(project, gather_member, arg);
}

static enum err
write_all_members(struct sync *s)
{
    struct ids ids = ids_of_projects(s, has_news);
    enum err err;

    s->each = gather_members;
    err = find(s, STORE_PROJECTS, "_id", &ids);
    return err == ERR_NONE ? write_members(s) : err;
}

/* ------------------------------------------------------------ tasks, comments, notifications */

static enum err
write_entity(void *arg, const bson_t *doc)
{
    static const struct shape *const shapes[SYNC_KINDS] = {
        [SYNC_TASKS] = &task_shape,
        [SYNC_COMMENTS] = &comment_shape,
        [SYNC_ATTACHMENTS] = &attachment_shape,
        [SYNC_NOTIFICATIONS] = &notification_shape,
        [SYNC_FILTERS] = &saved_filter_shape,
        [SYNC_SUBSCRIPTIONS] = &subscription_shape,
        [SYNC_JOBS] = &user_job_shape,
    };
    struct sync *s = arg;
    const struct sync_topic *t = NULL;
    bool shown =
        sync_plan_is_private(s->kind) || api_token_auth_reaches(s->r, doc_id(doc, "projectId"));

    if (s->kind < SYNC_NOTIFICATIONS) { /* the caller may not be able to read it any more */
        t = sync_plan_topic(&s->plan, doc_id(doc, "projectId"));
        if (t == NULL || t->state == SYNC_GONE)
            return ERR_NONE;
    }
    if (s->exact)
        sync_plan_find(&s->plan, s->kind, doc_id(doc, "_id"), -2);
    if (shown && (!s->exact || t == NULL || t->state != SYNC_WHOLE)) /* else already written */
        doc_write(item(s), shapes[s->kind], doc);
    reply_flush(s->r);
    return ERR_NONE;
}

/* What belongs to projects: everything for some, the changes for others. */
static enum err
write_entities(struct sync *s, enum store_name store)
{
    struct ids whole = ids_of_projects(s, is_whole), some = ids_of_items(s, s->kind);
    enum err err;

    s->each = write_entity;
    if ((err = find(s, store, "projectId", &whole)) != ERR_NONE)
        return err;
    s->exact = true;
    return find(s, store, "_id", &some);
}

/* Something that once came to this project with its task. */
static enum err
write_moved(void *arg, const bson_t *doc)
{
    struct sync *s = arg;

    if (!doc_has(doc, "movedAt") || sync_plan_find(&s->plan, s->kind, doc_id(doc, "_id"), -2) > 0)
        return ERR_NONE;
    return write_entity(s, doc);
}

/*
 * What belongs to tasks has no events of its own when its task moves to another project.
 */
static enum err
write_of_tasks(struct sync *s, enum store_name store)
{
    struct ids moved = ids_of_items(s, SYNC_MOVED);
    enum err err = write_entities(s, store);

    s->each = write_moved;
    return err == ERR_NONE ? find(s, store, "taskId", &moved) : err;
}

/* Of a kind on the caller's own topic: those that changed, or all that the query finds. */
static enum err
write_own(struct sync *s, const struct store_query *all)
{
    struct ids some = ids_of_items(s, s->kind);

    s->each = write_entity;
    s->exact = true;
    if (s->plan.own.state != SYNC_WHOLE)
        return find(s, all->name, "_id", &some);
    return store_find(s->r->store, all, write_entity, s);
}

static enum err
write_notifications(struct sync *s)
{
    bson_t *opts =
        request_keep(s->r, BCON_NEW("sort", "{", "createdAt", BCON_INT32(-1), "_id", BCON_INT32(-1),
                                    "}", "limit", BCON_INT64(NOTICES_FULL)));

    return write_own(s, &(struct store_query){STORE_NOTIFICATIONS, notifications_own(s->r), opts});
}

/* Of a kind that tokens bound to projects are not sent; `own` is the condition for it. */
static enum err
write_private(struct sync *s, enum store_name store, const bson_t *own)
{
    return s->r->bound != NULL ? ERR_NONE : write_own(s, &(struct store_query){store, own, NULL});
}

/* ------------------------------------------------------------ the reply */

static void
write_whole(struct sync *s)
{
    text_puts(s->out, "],\"whole\":[");
    s->comma = false;
    for (int i = 0; i < s->plan.topic_count; i++)
        if (is_whole(&s->plan.topics[i]))
            text_printf(item(s), "\"%s\"", topic_id(s->plan.topics[i].name));
}

static void
write_cursor(struct sync *s)
{
    const struct sync_plan *p = &s->plan;
    struct cursor reached = {0};

    cursor_put(&reached, p->own.name, p->own.upto);
    for (int i = 0; i < p->topic_count; i++)
        if (p->topics[i].state != SYNC_GONE && p->topics[i].state != SYNC_WAITING)
            cursor_put(&reached, p->topics[i].name, p->topics[i].upto);
    text_puts(s->out, "],\"cursor\":\"");
    cursor_write(&reached, s->r->epoch, s->out);
    cursor_free(&reached);
    text_printf(s->out, "\",\"more\":%s,\"full\":%s}", p->more ? "true" : "false",
                p->full ? "true" : "false");
}

static enum err
write_answer(struct sync *s)
{
    enum err err;

    s->out = reply_json(s->r, 200);
    begin(s, SYNC_PROJECTS);
    if ((err = write_projects(s)) != ERR_NONE)
        return err;
    begin(s, SYNC_MEMBERS);
    if ((err = write_all_members(s)) != ERR_NONE)
        return err;
    begin(s, SYNC_TASKS);
    if ((err = write_entities(s, STORE_TASKS)) != ERR_NONE)
        return err;
    begin(s, SYNC_COMMENTS);
    if ((err = write_of_tasks(s, STORE_COMMENTS)) != ERR_NONE)
        return err;
    begin(s, SYNC_ATTACHMENTS);
    if ((err = write_of_tasks(s, STORE_ATTACHMENTS)) != ERR_NONE)
        return err;
    begin(s, SYNC_NOTIFICATIONS);
    if ((err = write_notifications(s)) != ERR_NONE)
        return err;
    begin(s, SYNC_FILTERS);
    if ((err = write_private(s, STORE_FILTERS, saved_filters_own(s->r))) != ERR_NONE)
        return err;
    begin(s, SYNC_SUBSCRIPTIONS);
    if ((err = write_own(s, &(struct store_query){STORE_SUBSCRIPTIONS, subscriptions_own(s->r),
                                                  NULL})) != ERR_NONE)
        return err;
    begin(s, SYNC_JOBS);
    if ((err = write_private(s, STORE_USER_JOBS, user_jobs_own(s->r))) != ERR_NONE)
        return err;
    text_puts(s->out, "],\"deleted\":[");
    if ((err = sync_deleted_write(&s->plan, s->out)) != ERR_NONE)
        return err;
    write_whole(s);
    write_cursor(s);
    return ERR_NONE;
}

static enum err
answer(struct request *r, const char *since)
{
    struct sync *s = arena_alloc(r->arena, sizeof(*s));
    enum err err;

    s->r = r;
    err = sync_plan_read(&s->plan, r, since);
    return err == ERR_NONE ? write_answer(s) : err;
}

enum err
sync_read(struct request *r)
{
    const char *since = request_param(r, "cursor");
    enum err err = request_params_done(r);

    return err == ERR_NONE ? answer(r, since) : err;
}

enum err
sync_read_from(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    enum err err = doc_read(r, DOC_CREATE, sync_body_fields, r->json, body);

    if (err == ERR_NONE)
        err = request_params_done(r);
    return err == ERR_NONE ? answer(r, doc_text(body, "cursor")) : err;
}
