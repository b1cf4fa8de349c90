/*
 * Works project by project.  Each step can be repeated: if a worker dies, the next try does the
 * rest.  The user's document stays as a tombstone, so that "created by" still has a name.
 */
#include "api/jobs/purge.h"

#include <string.h>

#include "api/access/access.h"
#include "api/access/audit.h"
#include "api/crud/entity.h"
#include "api/crud/request_change.h"
#include "api/http/request.h"
#include "api/jobs/context.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "api/v1/projects/members.h"
#include "common/base/id.h"
#include "common/change/change.h"
#include "common/change/event_log.h"
#include "common/config.h"
#include "common/store/store_files.h"
#include "common/store/store_many.h"
#include "common/time/clock.h"

#define ARENA_MAX     (16u << 20)
#define DAY_MS        (86400LL * 1000)
#define TRACES_PAGE   500 /* events read at once */
#define ARRIVALS_PAGE 100 /* comments erased at once */
#define FILES_PAGE    100 /* attachments removed at once */

struct purge {
    struct request *r;
    bson_oid_t project;
    bool alone; /* there is no other member, and no other user can become one */
};

static enum err
remove_all(struct request *r, enum store_name name, bson_t *filter)
{
    return store_many_remove(r->store, name, request_keep(r, filter));
}

static enum err
note_id(void *arg, const bson_t *doc)
{
    doc_array_add_id(arg, doc_id(doc, "_id"));
    return ERR_NONE;
}

/*
 * Removes an attachment, with its reference to a content, in one transaction.  arg: its id.  The
 * project's sum of bytes is removed with the project.
 */
static enum err
remove_file(struct change *change, void *arg)
{
    struct store *store = change_store(change);
    bson_t *which = BCON_NEW("_id", BCON_OID(arg)), *doc;
    enum err err = store_get(store, STORE_ATTACHMENTS, which, NULL, &doc);

    if (err == ERR_NONE) {
        if (!doc_has(doc, "deletedAt"))
            err = store_files_release(store, doc_id(doc, "contentId"));
        if (err == ERR_NONE)
            err = store_remove(store, STORE_ATTACHMENTS, which);
        bson_destroy(doc);
    }
    bson_destroy(which);
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

static enum err
remove_files(struct request *r, const bson_t *ids)
{
    struct change_plan plan = {.fn = remove_file};
    bson_iter_t iter;
    enum err err = ERR_NONE;

    bson_iter_init(&iter, ids);
    while (err == ERR_NONE && bson_iter_next(&iter)) {
        bson_oid_t id = *bson_iter_oid(&iter);

        plan.arg = &id;
        err = request_change(r, &plan);
    }
    return err;
}

/* arg: the entity's id. */
static enum err
forget_entity(struct change *change, void *arg)
{
    return event_log_forget(change, NULL, arg);
}

/*
 * Erases some of the comments or attachments that came with their tasks from other projects, whose
 * logs contain them too.
 */
static enum err
erase_arrivals(struct request *r, enum store_name store, const bson_oid_t *project, bool *more)
{
    bson_t ids = BSON_INITIALIZER;
    struct doc_array array = {&ids, 0};
    bson_t *filter =
        BCON_NEW("projectId", BCON_OID(project), "movedAt", "{", "$ne", BCON_NULL, "}");
    bson_t *opts = BCON_NEW("projection", "{", "_id", BCON_BOOL(true), "}", "limit",
                            BCON_INT64(ARRIVALS_PAGE));
    struct change_plan plan = {.fn = forget_entity};
    bson_iter_t iter;
    enum err err =
        store_find(r->store, &(struct store_query){store, filter, opts}, note_id, &array);

    bson_destroy(filter);
    bson_destroy(opts);
    *more = !bson_empty(&ids);
    bson_iter_init(&iter, &ids);
    while (err == ERR_NONE && bson_iter_next(&iter)) {
        bson_oid_t id = *bson_iter_oid(&iter);

        plan.arg = &id;
        err = request_change(r, &plan);
    }
    if (err == ERR_NONE && *more && store == STORE_COMMENTS)
        err = remove_all(r, store, BCON_NEW("_id", "{", "$in", BCON_ARRAY(&ids), "}"));
    else if (err == ERR_NONE && *more)
        err = remove_files(r, &ids);
    bson_destroy(&ids);
    return err;
}

static enum err
erase_all_arrivals(struct request *r, enum store_name store, const bson_oid_t *project)
{
    bool more = true;
    enum err err = ERR_NONE;

    while (err == ERR_NONE && more)
        err = erase_arrivals(r, store, project, &more);
    return err;
}

/* The attachments of a project, some at a time. */
static enum err
erase_files(struct request *r, const bson_oid_t *project)
{
    bson_t *filter = request_keep(r, BCON_NEW("projectId", BCON_OID(project)));
    bson_t *opts = request_keep(r, BCON_NEW("projection", "{", "_id", BCON_BOOL(true), "}", "limit",
                                            BCON_INT64(FILES_PAGE)));
    struct doc_array array;
    enum err err;

    do {
        bson_t ids = BSON_INITIALIZER;

        array = (struct doc_array){&ids, 0};
        err = store_find(r->store, &(struct store_query){STORE_ATTACHMENTS, filter, opts}, note_id,
                         &array);
        if (err == ERR_NONE && array.count > 0)
            err = remove_files(r, &ids);
        bson_destroy(&ids);
    } while (err == ERR_NONE && array.count > 0);
    return err;
}

/* A link with its topic, which only says when its sessions ended. */
static enum err
erase_link(void *arg, const bson_t *link)
{
    struct request *r = arg;
    const char *topic = request_user_topic(r, doc_id(link, "_id"));
    enum err err = remove_all(r, STORE_EVENTS, BCON_NEW("topic", BCON_UTF8(topic)));

    return err == ERR_NONE ? remove_all(r, STORE_TOPICS, BCON_NEW("_id", BCON_UTF8(topic))) : err;
}

static enum err
erase_links(struct request *r, const bson_oid_t *project)
{
    bson_t *filter = request_keep(r, BCON_NEW("projectId", BCON_OID(project)));
    enum err err =
        store_find(r->store, &(struct store_query){STORE_LINKS, filter, NULL}, erase_link, r);

    return err == ERR_NONE ? remove_all(r, STORE_LINKS, bson_copy(filter)) : err;
}

/* A project of this user alone is removed with its content. */
static enum err
erase_project(struct request *r, const bson_oid_t *id)
{
    const char *topic = request_project_topic(r, id);
    enum err err;

    if ((err = erase_all_arrivals(r, STORE_COMMENTS, id)) != ERR_NONE ||
        (err = erase_all_arrivals(r, STORE_ATTACHMENTS, id)) != ERR_NONE ||
        (err = erase_files(r, id)) != ERR_NONE || (err = erase_links(r, id)) != ERR_NONE ||
        (err = remove_all(r, STORE_COMMENTS, BCON_NEW("projectId", BCON_OID(id)))) != ERR_NONE ||
        (err = remove_all(r, STORE_INVITATIONS, BCON_NEW("projectId", BCON_OID(id)))) != ERR_NONE ||
        (err = remove_all(r, STORE_SUBSCRIPTIONS, BCON_NEW("projectId", BCON_OID(id)))) !=
            ERR_NONE ||
        (err = remove_all(r, STORE_TASKS, BCON_NEW("projectId", BCON_OID(id)))) != ERR_NONE ||
        (err = remove_all(r, STORE_EVENTS, BCON_NEW("topic", BCON_UTF8(topic)))) != ERR_NONE ||
        (err = remove_all(r, STORE_TOPICS, BCON_NEW("_id", BCON_UTF8(topic)))) != ERR_NONE)
        return err;
    return remove_all(r, STORE_PROJECTS, BCON_NEW("_id", BCON_OID(id)));
}

/*
 * No user can join, write to or move a task into a project in the trash, so it can be erased in
 * steps.
 */
static enum err
put_in_trash(struct request *r, struct change *change, const bson_t *project)
{
    const struct entity_change e = {r, change, &projects, 0};
    bson_t *gone = request_keep(r, BCON_NEW("deletedAt", BCON_DATE_TIME(change_now(change))));
    const bson_t *stored;

    if (doc_has(project, "deletedAt"))
        return ERR_NONE;
    return entity_store(&e, EVENT_PROJECT_DELETED, project,
                        request_keep(r, doc_merge(project, gone)), &stored);
}

/*
 * From a project that others see only the membership is removed, with its events; otherwise the
 * project goes to the trash.
 */
static enum err
leave_project(struct change *change, void *arg)
{
    struct purge *p = arg;
    const bson_t *project;
    enum err err = request_fetch(p->r, STORE_PROJECTS, &p->project, &project);

    p->alone = false;
    if (err == ERR_NOT_FOUND ||
        (err == ERR_NONE && access_member(project, &p->r->user_id) == ROLE_NONE))
        return ERR_NONE;
    if (err == ERR_NONE && access_members(project) < 2) {
        p->alone = true;
        return put_in_trash(p->r, change, project);
    }
    if (err == ERR_NONE) /* earlier events contain the name */
        err = event_log_forget(change, request_project_topic(p->r, &p->project), &p->r->user_id);
    return err == ERR_NONE ? members_drop(p->r, change, project, &p->r->user_id) : err;
}

/* One of the user's projects; ERR_NOT_FOUND if none is left. */
static enum err
next_project(struct purge *p)
{
    bson_t *filter = request_keep(p->r, BCON_NEW("members.userId", BCON_OID(&p->r->user_id))), *doc;
    enum err err = store_get(p->r->store, STORE_PROJECTS, filter, NULL, &doc);

    if (err == ERR_NONE)
        p->project = *doc_id(request_keep(p->r, doc), "_id");
    return err;
}

static enum err
purge_projects(struct request *r)
{
    const char *own = request_user_topic(r, &r->user_id);
    struct purge p = {.r = r};
    enum err err;

    while ((err = next_project(&p)) == ERR_NONE) {
        struct change_plan plan = {.topics = {request_project_topic(r, &p.project)},
                                   .topic_count = 1,
                                   .last_topic = own,
                                   .fn = leave_project,
                                   .arg = &p};

        err = request_change(r, &plan);
        if (err == ERR_NONE && p.alone)
            err = erase_project(r, &p.project);
        if (err != ERR_NONE)
            return err;
    }
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

/* Projects whose events may contain the user's name, according to the user's own events. */
struct traces {
    struct request *r;
    bson_t projects; /* {<id>: true} */
    int64_t last;
    int count;
};

static enum err
note_trace(void *arg, const struct event_item *event)
{
    struct traces *t = arg;
    enum event_kind kind = event_kind_of(event->kind);
    char id[ID_TEXT];

    t->last = event->seq;
    t->count++;
    if ((kind == EVENT_MEMBER_ADDED || kind == EVENT_MEMBER_UPDATED ||
         kind == EVENT_MEMBER_REMOVED) &&
        event_project(event->frame, event->len, id) && !bson_has_field(&t->projects, id))
        BSON_APPEND_BOOL(&t->projects, id, true);
    return ERR_NONE;
}

static enum err
forget_name(struct change *change, void *arg)
{
    struct purge *p = arg;

    return event_log_forget(change, request_project_topic(p->r, &p->project), &p->r->user_id);
}

/* Erases the name in the events of projects that the user left long ago. */
static enum err
forget_traces(struct request *r, const char *topic)
{
    struct traces t = {.r = r, .projects = BSON_INITIALIZER};
    struct purge p = {.r = r};
    bson_iter_t iter;
    enum err err;

    do {
        t.count = 0;
        err = event_log_read(r->store, &(struct event_after){topic, t.last, TRACES_PAGE},
                             note_trace, &t);
    } while (err == ERR_NONE && t.count > 0);
    bson_iter_init(&iter, &t.projects);
    while (err == ERR_NONE && bson_iter_next(&iter)) {
        struct change_plan plan = {.fn = forget_name, .arg = &p};

        bson_oid_init_from_string(&p.project, bson_iter_key(&iter));
        err = request_change(r, &plan);
    }
    bson_destroy(&t.projects);
    return err;
}

/* What is left shows that there was an account, but not whose. */
static enum err
write_tombstone(struct request *r, const bson_t *user)
{
    const char *nobody = arena_printf(r->arena, "deleted:%s", r->user);
    int64_t now = clock_now();
    bson_t *doc =
        request_keep(r, BCON_NEW("_id", BCON_OID(&r->user_id), "email", BCON_UTF8(nobody), "phone",
                                 BCON_UTF8(nobody), "name", "Deleted user", "timeZone", "UTC",
                                 "locale", "en", "presence", BCON_BOOL(false), "deletedAt",
                                 BCON_DATE_TIME(now), "purgedAt", BCON_DATE_TIME(now)));
    bson_t *filter = request_keep(r, BCON_NEW("_id", BCON_OID(&r->user_id)));

    entity_stamp(doc, user, now);
    return store_replace(r->store, STORE_USERS, filter, doc, NULL);
}

static enum err
purge_user(struct request *r, const bson_t *user)
{
    const char *topic = request_user_topic(r, &r->user_id);
    bson_oid_t *id = &r->user_id;
    enum err err;

    if ((err = purge_projects(r)) != ERR_NONE || (err = forget_traces(r, topic)) != ERR_NONE ||
        (err = remove_all(r, STORE_SESSIONS, BCON_NEW("userId", BCON_OID(id)))) != ERR_NONE ||
        (err = remove_all(r, STORE_TOKENS, BCON_NEW("userId", BCON_OID(id)))) != ERR_NONE ||
        (err = remove_all(r, STORE_INVITATIONS, BCON_NEW("createdBy", BCON_OID(id)))) != ERR_NONE ||
        (err = remove_all(r, STORE_NOTIFICATIONS, BCON_NEW("userId", BCON_OID(id)))) != ERR_NONE ||
        (err = remove_all(r, STORE_FILTERS, BCON_NEW("userId", BCON_OID(id)))) != ERR_NONE ||
        (err = remove_all(r, STORE_SUBSCRIPTIONS, BCON_NEW("userId", BCON_OID(id)))) != ERR_NONE ||
        (err = remove_all(r, STORE_USER_JOBS, BCON_NEW("userId", BCON_OID(id)))) != ERR_NONE ||
        (err = remove_all(r, STORE_EVENTS, BCON_NEW("topic", BCON_UTF8(topic)))) != ERR_NONE ||
        (err = write_tombstone(r, user)) != ERR_NONE)
        return err;
    audit(r, "account.deleted", id);
    return ERR_NONE;
}

/*
 * After this the account cannot be reopened (reopen_account() in sessions.c).  ERR_NOT_FOUND: it
 * was reopened since the user was read.
 */
static enum err
close_for_good(struct request *r, int64_t since)
{
    bson_t *closed =
        request_keep(r, BCON_NEW("_id", BCON_OID(&r->user_id), "deletedAt", BCON_DATE_TIME(since)));
    bson_t *set =
        request_keep(r, BCON_NEW("$set", "{", "purgeBegunAt", BCON_DATE_TIME(clock_now()), "}"));
    int64_t matched;
    enum err err = store_update(r->store, STORE_USERS, closed, set, &matched);

    return err == ERR_NONE && matched == 0 ? ERR_NOT_FOUND : err;
}

enum err
purge_account(const struct jobs_context *c, const bson_t *content)
{
    struct request r = {.arena = arena_new(ARENA_MAX),
                        .store = c->store,
                        .bus = c->runner->bus,
                        .epoch = c->runner->epoch,
                        .config = c->runner->config};
    int64_t grace = c->runner->config->account_grace_days * DAY_MS, since;
    const bson_oid_t *id = doc_id(content, "userId");
    const bson_t *user;
    enum err err = ERR_INVALID;

    store_limit(r.store, r.arena);
    if (id != NULL) {
        r.user_id = *id;
        bson_oid_to_string(id, r.user);
        err = request_fetch(&r, STORE_USERS, id, &user);
        /* Reopened, and perhaps closed again since: then there is another job. */
        if (err == ERR_NONE && !doc_has(user, "purgedAt") && doc_time(user, "deletedAt", &since) &&
            since + grace <= clock_now() && (err = close_for_good(&r, since)) == ERR_NONE)
            err = purge_user(&r, user);
    }
    store_limit(r.store, NULL);
    arena_free(r.arena);
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}
