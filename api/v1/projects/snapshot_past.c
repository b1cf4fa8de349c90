/*
 * What has not changed since is read and sent as in any snapshot.  What has changed is put back to
 * what it was, and sent after it.
 */
#include "api/v1/projects/snapshot_past.h"

#include <stdlib.h>
#include <string.h>

#include "api/access/access.h"
#include "api/access/project_access.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/event_page.h"
#include "api/v1/handlers.h"
#include "api/v1/projects/members.h"
#include "api/v1/projects/past.h"
#include "api/v1/projects/projects.h"
#include "common/base/vec.h"
#include "common/change/cursor.h"
#include "common/change/event_log.h"
#include "common/time/clock.h"

#define BATCH   1000     /* documents per batch, as in snapshot.c */
#define GROUP   100      /* ids of one query */
#define MOST_US 30000000 /* of the transaction, however slowly the client reads */

/* Subtasks that a task had more then than it has now. */
struct more {
    bson_oid_t id;
    int64_t done, total;
};

struct snapshot {
    struct request *r;
    struct text *out;
    const bson_oid_t *id;
    const bson_t *project; /* now */
    struct past past;
    struct more *more; /* sorted */
    uint32_t more_count, more_room;
    const struct shape *shape;
    int written;
    int64_t until; /* when the transaction ends at the latest */
};

/* ------------------------------------------------------------ which number */

static enum err
read_at(struct snapshot *s, const char *text)
{
    struct request *r = s->r;
    size_t len = strlen(text);

    if (cursor_read_seq(text, len, &s->past.at) == len && len > 0 && s->past.at > 0)
        return ERR_NONE;
    switch (cursor_find(text, len, r->epoch, s->past.topic, &s->past.at)) {
    case CURSOR_OK:
        return ERR_NONE;
    case CURSOR_OTHER_EPOCH:
        return request_fail(r, ERR_GONE, "the cursor is from before the database was restored");
    default:
        return request_bad_param(r, "at", "must be the number of an event, or a cursor");
    }
}

/* Reads the topic: does the log reach back to the number? */
static enum err
check_at(struct snapshot *s)
{
    struct request *r = s->r;
    struct past *p = &s->past;
    bson_t *which = request_keep(r, BCON_NEW("_id", BCON_UTF8(p->topic))), *topic;
    enum err err = store_get(r->store, STORE_TOPICS, which, NULL, &topic);

    if (err != ERR_NONE)
        return err;
    request_keep(r, topic);
    p->head = doc_int(topic, "seq");
    if (p->at > p->head)
        return request_bad_param(r, "at", "is in the future");
    if (p->at < p->head - PAST_EVENTS || p->at < doc_int(topic, "trimmed"))
        return request_fail(r, ERR_GONE,
                            "the log does not reach back that far, or more than %d events",
                            PAST_EVENTS);
    return ERR_NONE;
}

/* ------------------------------------------------------------ tasks as they were */

static bool
is_living(const bson_t *doc)
{
    return doc != NULL && !doc_has(doc, "deletedAt");
}

/* A version of a subtask adds this many times to what its parent had more. */
static void
add_subtask(struct snapshot *s, const bson_t *task, int times)
{
    const bson_oid_t *parent = is_living(task) ? doc_id(task, "parentId") : NULL;

    if (parent == NULL)
        return;
    s->more = vec_room(s->more, s->more_count, &s->more_room, sizeof(*s->more));
    s->more[s->more_count++] =
        (struct more){*parent, doc_has(task, "completedAt") ? times : 0, times};
}

static int
compare_more(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(bson_oid_t)); /* the id comes first */
}

/* Sums up what belongs to the same parent. */
static void
sum_more(struct snapshot *s)
{
    uint32_t kept = 0;

    if (s->more_count > 0)
        qsort(s->more, s->more_count, sizeof(*s->more), compare_more);
    for (uint32_t i = 0; i < s->more_count; i++) {
        struct more *last = kept > 0 ? &s->more[kept - 1] : NULL;

        if (last != NULL && bson_oid_equal(&last->id, &s->more[i].id)) {
            last->done += s->more[i].done;
            last->total += s->more[i].total;
        } else {
            s->more[kept++] = s->more[i];
        }
    }
    s->more_count = kept;
}

/* How it was, if an event tells. */
static enum err
find_then(struct snapshot *s, struct past_change *c, const struct shape *shape)
{
    struct past_state state;
    enum err err;

    if (c->came || c->kind == EVENT_TASK_CREATED || c->kind == EVENT_ATTACHMENT_CREATED)
        return ERR_NONE;
    err = past_state(&s->past, shape, &c->id, &state);
    c->then = state.doc;
    c->rebuild = state.doc == NULL;
    return err;
}

/* A task that has changed, as it is now. */
static enum err
note_now(void *arg, const bson_t *task)
{
    struct snapshot *s = arg;
    struct past_change *c = past_find(&s->past, PAST_TASK, doc_id(task, "_id"));

    if (c == NULL || !bson_oid_equal(doc_id(task, "projectId"), s->id))
        return ERR_NONE;
    c->here = true;
    c->done = doc_int_at(task, "subtasks.done");
    c->total = doc_int_at(task, "subtasks.total");
    c->now_comments = doc_int(task, "comments");
    c->now_attachments = doc_int(task, "attachments");
    if (c->rebuild && !c->left) /* one that was away has come back with other values */
        c->now = request_keep(s->r, bson_copy(task));
    add_subtask(s, task, -1);
    return ERR_NONE;
}

/* The next tasks that have changed themselves, as many as one query reads. */
static enum err
find_group(struct snapshot *s, struct past_change *changes, uint32_t count, uint32_t *next)
{
    bson_t filter = BSON_INITIALIZER, ids = BSON_INITIALIZER;
    struct doc_array array = {&ids, 0};
    enum err err = ERR_NONE;

    for (; err == ERR_NONE && *next < count && array.count < GROUP; (*next)++) {
        struct past_change *c = &changes[*next];

        if (c->kind == EVENT__COUNT)
            continue;
        doc_array_add_id(&array, &c->id);
        err = find_then(s, c, &task_shape);
    }
    doc_in(&filter, "_id", &ids);
    if (err == ERR_NONE && array.count > 0)
        err =
            store_find(s->r->store, &(struct store_query){STORE_TASKS, &filter, NULL}, note_now, s);
    bson_destroy(&filter);
    bson_destroy(&ids);
    return err;
}

static enum err
find_tasks(struct snapshot *s)
{
    struct past_change *changes;
    uint32_t count = past_class(&s->past, PAST_TASK, &changes), next = 0;
    enum err err = ERR_NONE;

    while (err == ERR_NONE && next < count)
        err = find_group(s, changes, count, &next);
    for (uint32_t i = 0; err == ERR_NONE && i < count; i++) {
        struct past_change *c = &changes[i];

        if (c->now != NULL)
            err = past_rebuild(&s->past, &task_shape, c->now, &c->then);
        else if (c->rebuild) /* it has left */
            err = past_replay(&s->past, &task_shape, &c->id, &c->then);
        if (err == ERR_NONE && c->rebuild && c->then == NULL)
            past_omit(&s->past, "task", &c->id, "");
        add_subtask(s, c->then, 1);
    }
    sum_more(s);
    return err;
}

/* ------------------------------------------------------------ what is written */

static void
write_doc(struct snapshot *s, const bson_t *doc)
{
    if (s->written++ > 0)
        text_putc(s->out, ',');
    doc_write(s->out, s->shape, doc);
    reply_flush(s->r); /* which gives the request its whole time again */
    if (store_deadline_of(s->r->store) > s->until)
        store_deadline(s->r->store, s->until);
}

static void
append_counters(bson_t *set, int64_t done, int64_t total)
{
    bson_t subtasks;

    BSON_APPEND_DOCUMENT_BEGIN(set, "subtasks", &subtasks);
    BSON_APPEND_INT64(&subtasks, "done", done);
    BSON_APPEND_INT64(&subtasks, "total", total);
    bson_append_document_end(set, &subtasks);
}

/* Writes a task with the counters that it had. */
static void
write_counted(struct snapshot *s, const bson_t *task, const struct past_change *c)
{
    const struct more none = {.total = 0}, *more = &none, key = {.id = *doc_id(task, "_id")};
    bool own = c != NULL && c->kind != EVENT__COUNT; /* it has changed itself */
    int64_t talk = own ? c->now_comments : doc_int(task, "comments");
    int64_t files = own ? c->now_attachments : doc_int(task, "attachments");
    int64_t done = own ? c->done : doc_int_at(task, "subtasks.done");
    int64_t total = own ? c->total : doc_int_at(task, "subtasks.total");
    bson_t set = BSON_INITIALIZER, *counted;

    if (s->more_count > 0 &&
        (more = bsearch(&key, s->more, s->more_count, sizeof(key), compare_more)) == NULL)
        more = &none;
    if (c != NULL && c->left) {
        talk = c->left_comments;
        files = c->left_attachments;
    }
    append_counters(&set, done + more->done, total + more->total);
    BSON_APPEND_INT64(&set, "comments", talk - (c == NULL ? 0 : c->comments));
    BSON_APPEND_INT64(&set, "attachments", files - (c == NULL ? 0 : c->attachments));
    counted = doc_merge(task, &set);
    write_doc(s, counted);
    bson_destroy(counted);
    bson_destroy(&set);
}

/* A task as it is now: those that have changed are written later. */
static enum err
write_task(void *arg, const bson_t *task)
{
    struct snapshot *s = arg;
    const struct past_change *c = past_find(&s->past, PAST_TASK, doc_id(task, "_id"));

    if (c == NULL || c->kind == EVENT__COUNT)
        write_counted(s, task, c);
    return ERR_NONE;
}

/* A file as it is now, unless it came later, with its task or without. */
static enum err
write_file(void *arg, const bson_t *file)
{
    struct snapshot *s = arg;
    const struct past_change *task = past_find(&s->past, PAST_TASK, doc_id(file, "taskId"));

    if (past_find(&s->past, PAST_ATTACHMENT, doc_id(file, "_id")) == NULL &&
        (task == NULL || task->kind == EVENT__COUNT || task->then != NULL))
        write_doc(s, file);
    return ERR_NONE;
}

/* The entities of one kind that are not in the trash now. */
static enum err
each_now(struct snapshot *s, const struct resource *kind, store_each each)
{
    struct request *r = s->r;
    bson_t *filter =
        request_keep(r, BCON_NEW("projectId", BCON_OID(s->id), "deletedAt", BCON_NULL));
    bson_t *opts = request_keep(r, BCON_NEW("batchSize", BCON_INT32(BATCH)));

    s->written = 0;
    s->shape = kind->shape;
    return store_find(r->store, &(struct store_query){kind->store, filter, opts}, each, s);
}

static enum err
write_tasks(struct snapshot *s)
{
    struct past_change *changes;
    uint32_t count = past_class(&s->past, PAST_TASK, &changes);
    enum err err = each_now(s, &tasks, write_task);

    for (uint32_t i = 0; err == ERR_NONE && i < count; i++)
        if (is_living(changes[i].then))
            write_counted(s, changes[i].then, &changes[i]);
    return err;
}

/* A file that was renamed; one that was deleted is erased from the log too. */
static enum err
write_renamed(struct snapshot *s, struct past_change *c)
{
    const bson_t *now;
    enum err err = find_then(s, c, &attachment_shape);

    if (err != ERR_NONE || (!c->rebuild && c->then == NULL))
        return err;
    err = request_fetch(s->r, STORE_ATTACHMENTS, &c->id, &now);
    if (err != ERR_NONE || !is_living(now) || !bson_oid_equal(doc_id(now, "projectId"), s->id))
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    if (c->rebuild && (err = past_rebuild(&s->past, &attachment_shape, now, &c->then)) != ERR_NONE)
        return err;
    write_doc(s, c->then);
    return ERR_NONE;
}

static enum err
write_files(struct snapshot *s)
{
    struct past_change *changes;
    uint32_t count = past_class(&s->past, PAST_ATTACHMENT, &changes);
    enum err err = each_now(s, &attachments, write_file);

    for (uint32_t i = 0; err == ERR_NONE && i < count; i++)
        err = write_renamed(s, &changes[i]);
    return err;
}

/* ------------------------------------------------------------ project and members */

/* The first change of the project's document, by an event of its own or of a member. */
static const struct past_change *
first_of_project(const struct snapshot *s)
{
    struct past_change *changes;
    const struct past_change *first = past_find(&s->past, PAST_PROJECT, s->id);
    uint32_t count = past_class(&s->past, PAST_MEMBER, &changes);

    for (uint32_t i = 0; i < count; i++)
        if (first == NULL || changes[i].rev < first->rev)
            first = &changes[i];
    return first;
}

/* Which version of the project it was: appends who had made it and when. */
static enum err
append_version(struct snapshot *s, int64_t rev, struct past_state *own, bson_t *set)
{
    struct past_state member = {.found = false}, *made = own;
    enum err err = ERR_NONE;

    if (!own->found || own->rev != rev) {
        err = past_member_version(&s->past, rev, &member);
        made = &member;
    }
    if (err != ERR_NONE)
        return err;
    BSON_APPEND_INT64(set, "rev", rev);
    if (!made->found || !made->has_actor) {
        past_omit(&s->past, "project", s->id, "\"updatedAt\",\"updatedBy\"");
        return ERR_NONE;
    }
    BSON_APPEND_DATE_TIME(set, "updatedAt", made->at);
    BSON_APPEND_OID(set, "updatedBy", &made->actor);
    return ERR_NONE;
}

/* The project as it was. */
static enum err
find_project(struct snapshot *s, const bson_t **out)
{
    const struct past_change *first = first_of_project(s);
    struct past_state own;
    bson_t *then, *set = request_keep(s->r, bson_new());
    enum err err;

    *out = s->project;
    if (first == NULL)
        return ERR_NONE;
    if ((err = past_state(&s->past, &project_shape, s->id, &own)) != ERR_NONE)
        return err;
    if (past_find(&s->past, PAST_PROJECT, s->id) == NULL)
        then = request_keep(s->r, bson_copy(s->project));
    else if (own.doc != NULL)
        then = own.doc;
    else if ((err = past_rebuild(&s->past, &project_shape, s->project, &then)) != ERR_NONE)
        return err;
    if ((err = append_version(s, first->rev - 1, &own, set)) != ERR_NONE)
        return err;
    *out = request_keep(s->r, doc_merge(then, set));
    return ERR_NONE;
}

static void
write_project(struct snapshot *s, const bson_t *project)
{
    enum role role = project_access_role(s->r, s->project); /* today's */

    doc_write_with(s->out, &project_shape, project,
                   arena_printf(s->r->arena, ",\"role\":\"%s\"", role_names[role]));
}

struct membership_list {
    const struct snapshot *s;
    struct doc_array members;
};

static void
add_member(struct membership_list *l, const bson_oid_t *user, const char *role)
{
    bson_t *holder = BCON_NEW("0", "{", "userId", BCON_OID(user), "role", BCON_UTF8(role), "}");
    bson_iter_t value;

    if (bson_iter_init_find(&value, holder, "0"))
        doc_array_add_value(&l->members, &value);
    bson_destroy(holder);
}

/* Someone who is a member now, with the role from then. */
static enum err
note_member(void *arg, const bson_t *project, const bson_oid_t *user, enum role role)
{
    struct membership_list *l = arg;
    const struct past_change *c = past_find(&l->s->past, PAST_MEMBER, user);

    (void)project;
    if (c == NULL)
        add_member(l, user, role_names[role]);
    else if (c->role != NULL)
        add_member(l, user, c->role);
    return ERR_NONE;
}

/* Someone who has left, with the name that the log has; not those whose account was erased. */
static enum err
write_gone(struct snapshot *s, const struct past_change *c)
{
    struct past_state state;
    const char *name = "";
    enum err err;

    if (c->role == NULL || c->erased || access_member(s->project, &c->id) != ROLE_NONE)
        return ERR_NONE;
    err = past_state(&s->past, &member_shape, &c->id, &state);
    if (err == ERR_NONE && state.doc != NULL)
        name = doc_text(state.doc, "name");
    if (s->out->bytes[s->out->len - 1] != '[')
        text_putc(s->out, ',');
    members_write_one(s->out, &c->id, role_named(c->role), name, "");
    return err;
}

static enum err
write_members(struct snapshot *s)
{
    bson_t *list = request_keep(s->r, bson_new()), *then = request_keep(s->r, bson_new());
    struct membership_list l = {s, {list, 0}};
    struct past_change *changes;
    uint32_t count = past_class(&s->past, PAST_MEMBER, &changes);
    enum err err = access_each(s->project, note_member, &l);

    BSON_APPEND_ARRAY(then, "members", list);
    if (err == ERR_NONE)
        err = members_write(s->r, s->out, then, "");
    for (uint32_t i = 0; err == ERR_NONE && i < count; i++)
        err = write_gone(s, &changes[i]);
    return err;
}

/* ------------------------------------------------------------ the reply */

static enum err
write_snapshot(struct snapshot *s)
{
    const bson_t *project;
    enum err err;

    if ((err = find_tasks(s)) != ERR_NONE || (err = find_project(s, &project)) != ERR_NONE)
        return err;
    s->out = reply_json(s->r, 200);
    text_puts(s->out, "{\"project\":");
    write_project(s, project);
    text_printf(s->out, ",\"seq\":%lld,\"cursor\":", (long long)s->past.at);
    event_page_cursor(s->r, s->out, s->past.topic, s->past.at);
    text_puts(s->out, ",\"members\":[");
    if ((err = write_members(s)) != ERR_NONE)
        return err;
    text_puts(s->out, "],\"tasks\":[");
    if ((err = write_tasks(s)) != ERR_NONE)
        return err;
    text_puts(s->out, "],\"attachments\":[");
    if ((err = write_files(s)) != ERR_NONE)
        return err;
    text_printf(s->out, "],\"omitted\":[%s]}", s->past.omitted == NULL ? "" : s->past.omitted);
    return ERR_NONE;
}

static enum err
read_snapshot(struct snapshot *s)
{
    enum err err = check_at(s);
    enum err access = project_access_living(s->r, s->id, ACTION_READ, &s->project);

    if (access != ERR_NONE)
        return access;
    if (err != ERR_NONE || (err = past_read(&s->past)) != ERR_NONE)
        return err;
    return write_snapshot(s);
}

static void
free_snapshot(void *arg)
{
    struct snapshot *s = arg;

    past_free(&s->past);
    free(s->more);
}

enum err
snapshot_past(struct request *r, const bson_oid_t *project, const char *at)
{
    struct snapshot *s = arena_alloc(r->arena, sizeof(*s));
    enum err err;

    *s = (struct snapshot){.r = r, .id = project};
    s->past.r = r;
    s->until = clock_steady() + MOST_US;
    s->past.topic = request_project_topic(r, project);
    arena_defer(r->arena, free_snapshot, s);
    /* The right comes first: strangers do not learn what a cursor of the project looks like. */
    if ((err = project_access_living(r, project, ACTION_READ, &s->project)) != ERR_NONE ||
        (err = read_at(s, at)) != ERR_NONE || (err = store_begin(r->store)) != ERR_NONE)
        return err;
    err = read_snapshot(s);
    store_abort(r->store); /* nothing was written */
    return err;
}
