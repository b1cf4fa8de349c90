/*
 * Tasks that are archived or in the trash are updated too, so that they are right when they come
 * back.
 */
#include "api/v1/tasks/status_kinds.h"

#include <string.h>

#include "api/crud/entity.h"
#include "api/crud/request_change.h"
#include "api/http/request.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "api/v1/tasks/project_statuses.h"

#define JOB_MS (7 * 86400000LL) /* how long the job is tried again */

struct batch {
    struct request *r;
    struct change *change;
    const bson_t *project;
    int left; /* how many more tasks may be changed */
    bool more;
    const bson_t *tasks[STATUS_KINDS_BATCH];
    int count;
};

static enum err
note_task(void *arg, const bson_t *task)
{
    struct batch *b = arg;

    if (b->count == b->left)
        b->more = true;
    else
        b->tasks[b->count++] = request_keep(b->r, bson_copy(task));
    return ERR_NONE;
}

/* The tasks of a status that do not agree with its kind; one more than may be changed. */
static enum err
find_tasks(struct batch *b, const char *status, bool done)
{
    bson_t *filter = request_keep(b->r, BCON_NEW("projectId", BCON_OID(doc_id(b->project, "_id")),
                                                 "status", BCON_UTF8(status)));
    bson_t *opts = request_keep(b->r, BCON_NEW("limit", BCON_INT64(b->left + 1))), other;

    if (done) {
        BSON_APPEND_NULL(filter, "completedAt");
    } else {
        BSON_APPEND_DOCUMENT_BEGIN(filter, "completedAt", &other);
        BSON_APPEND_NULL(&other, "$ne");
        bson_append_document_end(filter, &other);
    }
    b->count = 0;
    return store_find(change_store(b->change), &(struct store_query){STORE_TASKS, filter, opts},
                      note_task, b);
}

static enum err
follow(struct batch *b, const char *status)
{
    const struct entity_change e = {b->r, b->change, &tasks, 0};
    bool done = project_statuses_kind(b->project, status) == 'd';
    bson_t *set = request_keep(b->r, bson_new());
    const bson_t *stored;
    enum err err = find_tasks(b, status, done);

    if (done)
        BSON_APPEND_DATE_TIME(set, "completedAt", change_now(b->change));
    else
        BSON_APPEND_NULL(set, "completedAt");
    for (int i = 0; err == ERR_NONE && i < b->count; i++)
        err = entity_store(&e, EVENT_TASK_UPDATED, b->tasks[i],
                           request_keep(b->r, doc_merge(b->tasks[i], set)), &stored);
    b->left -= b->count;
    return err;
}

static enum err
leave_to_job(struct batch *b, const char *status)
{
    int64_t now = change_now(b->change);
    bson_t *content =
        request_keep(b->r, BCON_NEW("projectId", BCON_OID(doc_id(b->project, "_id")), "status",
                                    BCON_UTF8(status), "userId", BCON_OID(&b->r->user_id)));

    b->more = false;
    return queue_job(b->change, JOB_STATUS_KIND, now, now + JOB_MS, content);
}

enum err
status_kinds_changed(struct request *r, struct change *change, const bson_t *before,
                     const bson_t *after)
{
    struct batch *b = arena_alloc(r->arena, sizeof(*b));
    bson_iter_t iter, items, id;
    enum err err = ERR_NONE;

    *b = (struct batch){.r = r, .change = change, .project = after, .left = STATUS_KINDS_BATCH};
    if (before == NULL || !bson_iter_init_find(&iter, after, "statuses") ||
        !bson_iter_recurse(&iter, &items))
        return ERR_NONE;
    while (err == ERR_NONE && bson_iter_next(&items)) {
        const char *status;
        char was;

        if (!bson_iter_recurse(&items, &id) || !bson_iter_find(&id, "id"))
            continue;
        status = bson_iter_utf8(&id, NULL);
        was = project_statuses_kind(before, status);
        if (was == '\0' || was == project_statuses_kind(after, status))
            continue;
        err = follow(b, status);
        if (err == ERR_NONE && b->more)
            err = leave_to_job(b, status);
    }
    return err;
}

struct following {
    struct request *r;
    const bson_oid_t *project;
    const char *status;
    bool more;
};

static enum err
follow_in_change(struct change *change, void *arg)
{
    struct following *w = arg;
    struct batch *b = arena_alloc(w->r->arena, sizeof(*b));
    enum err err;

    *b = (struct batch){.r = w->r, .change = change, .left = STATUS_KINDS_BATCH};
    err = request_fetch(w->r, STORE_PROJECTS, w->project, &b->project);
    if (err == ERR_NONE && project_statuses_kind(b->project, w->status) != '\0')
        err = follow(b, w->status);
    w->more = b->more;
    return err;
}

enum err
status_kinds_follow(struct request *r, const bson_oid_t *project, const char *status, bool *more)
{
    struct following w = {r, project, status, false};
    struct change_plan plan = {.topic_count = 1, .fn = follow_in_change, .arg = &w};
    enum err err;

    plan.topics[0] = request_project_topic(r, project);
    err = request_change(r, &plan);
    *more = w.more;
    return err;
}
