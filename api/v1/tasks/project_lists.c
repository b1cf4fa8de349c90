/*
 * Tasks that are archived or in the trash are updated too, so that they are right when they come
 * back.
 */
#include "api/v1/tasks/project_lists.h"

#include <string.h>

#include "api/crud/entity.h"
#include "api/crud/request_change.h"
#include "api/http/request.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "api/schema/item_list.h"
#include "api/v1/handlers.h"
#include "api/v1/tasks/project_statuses.h"

#define JOB_MS (7 * 86400000LL) /* how long the job is tried again */

struct batch {
    struct request *r;
    struct change *change;
    const bson_t *project;
    int left; /* how many more tasks may be changed */
    bool more;
    const bson_t *tasks[PROJECT_LISTS_BATCH];
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

/* Does the project still have the status? */
static bool
has_status(const struct batch *b, const struct project_lists_item *item)
{
    return item->status != NULL && project_statuses_kind(b->project, item->status) != '\0';
}

/*
 * The tasks that have the item: of a status that the project still has, those that do not agree
 * with its kind.  One more than may be changed.
 */
static enum err
find_tasks(struct batch *b, const struct project_lists_item *item)
{
    bson_t *filter = request_keep(b->r, BCON_NEW("projectId", BCON_OID(doc_id(b->project, "_id"))));
    bson_t *opts = request_keep(b->r, BCON_NEW("limit", BCON_INT64(b->left + 1))), other;

    if (item->status != NULL)
        BSON_APPEND_UTF8(filter, "status", item->status);
    else
        BSON_APPEND_UTF8(filter, "labelIds", item->label);
    if (has_status(b, item) && project_statuses_kind(b->project, item->status) == 'd') {
        BSON_APPEND_NULL(filter, "completedAt");
    } else if (has_status(b, item)) {
        BSON_APPEND_DOCUMENT_BEGIN(filter, "completedAt", &other);
        BSON_APPEND_NULL(&other, "$ne");
        bson_append_document_end(filter, &other);
    }
    b->count = 0;
    return store_find(change_store(b->change), &(struct store_query){STORE_TASKS, filter, opts},
                      note_task, b);
}

static void
take_label_off(const bson_t *task, const char *label, bson_t *set)
{
    struct item_list labels;
    bson_iter_t iter;
    bool found = bson_iter_init_find(&iter, task, "labelIds");

    if (item_list_read(&labels, doc_field(task_shape.fields, "labelIds"), found ? &iter : NULL))
        item_list_write(&labels, &(struct item_list_edit){.skip = item_list_find(&labels, label)},
                        set);
    item_list_free(&labels);
}

/* The status that the tasks of a deleted one get; it may have been deleted itself by now. */
static const char *
next_status(const struct batch *b, const struct project_lists_item *item)
{
    return project_statuses_kind(b->project, item->to) == '\0' ? project_statuses_first(b->project)
                                                               : item->to;
}

/* Appends what changes in a task. */
static void
append_change(const struct batch *b, const struct project_lists_item *item, const bson_t *task,
              bson_t *set)
{
    const char *status = item->status;
    bool done, completed = doc_has(task, "completedAt");

    if (item->label != NULL) {
        take_label_off(task, item->label, set);
        return;
    }
    if (!has_status(b, item)) {
        status = next_status(b, item);
        BSON_APPEND_UTF8(set, "status", status);
    }
    done = project_statuses_kind(b->project, status) == 'd';
    if (done && !completed)
        BSON_APPEND_DATE_TIME(set, "completedAt", change_now(b->change));
    else if (!done && completed)
        BSON_APPEND_NULL(set, "completedAt");
}

static enum err
follow(struct batch *b, const struct project_lists_item *item)
{
    const struct entity_change e = {b->r, b->change, &tasks, 0};
    const bson_t *stored;
    enum err err = find_tasks(b, item);

    for (int i = 0; err == ERR_NONE && i < b->count; i++) {
        bson_t *set = request_keep(b->r, bson_new());

        append_change(b, item, b->tasks[i], set);
        err = entity_store(&e, EVENT_TASK_UPDATED, b->tasks[i],
                           request_keep(b->r, doc_merge(b->tasks[i], set)), &stored);
    }
    b->left -= b->count;
    return err;
}

static enum err
leave_to_job(struct batch *b, const struct project_lists_item *item)
{
    int64_t now = change_now(b->change);
    bson_t *content = request_keep(b->r, BCON_NEW("projectId", BCON_OID(doc_id(b->project, "_id")),
                                                  "userId", BCON_OID(&b->r->user_id)));

    if (item->status != NULL)
        BSON_APPEND_UTF8(content, "status", item->status);
    if (item->to != NULL)
        BSON_APPEND_UTF8(content, "to", item->to);
    if (item->label != NULL)
        BSON_APPEND_UTF8(content, "label", item->label);
    b->more = false;
    return queue_job(b->change, JOB_STATUS_KIND, now, now + JOB_MS, content);
}

/* As many tasks as a change may have follow in it, and a job does the rest. */
static enum err
follow_or_leave(struct batch *b, const struct project_lists_item *item)
{
    enum err err = follow(b, item);

    return err == ERR_NONE && b->more ? leave_to_job(b, item) : err;
}

enum err
project_lists_removed(struct request *r, struct change *change, const bson_t *project,
                      const struct project_lists_item *item)
{
    struct batch *b = arena_alloc(r->arena, sizeof(*b));

    *b = (struct batch){.r = r, .change = change, .project = project, .left = PROJECT_LISTS_BATCH};
    return follow_or_leave(b, item);
}

enum err
project_lists_changed(struct request *r, struct change *change, const bson_t *before,
                      const bson_t *after)
{
    struct batch *b = arena_alloc(r->arena, sizeof(*b));
    bson_iter_t iter, items, id;
    enum err err = ERR_NONE;

    *b = (struct batch){.r = r, .change = change, .project = after, .left = PROJECT_LISTS_BATCH};
    if (before == NULL || !bson_iter_init_find(&iter, after, "statuses") ||
        !bson_iter_recurse(&iter, &items))
        return ERR_NONE;
    while (err == ERR_NONE && bson_iter_next(&items)) {
        struct project_lists_item item = {.status = NULL};
        char was;

        if (!bson_iter_recurse(&items, &id) || !bson_iter_find(&id, "id"))
            continue;
        item.status = bson_iter_utf8(&id, NULL);
        was = project_statuses_kind(before, item.status);
        if (was == '\0' || was == project_statuses_kind(after, item.status))
            continue;
        err = follow_or_leave(b, &item);
    }
    return err;
}

struct following {
    struct request *r;
    const bson_oid_t *project;
    const struct project_lists_item *item;
    bool more;
};

/*
 * Is there still something to follow?  A status that was deleted without another for its tasks had
 * none; a label may have been created again.
 */
static bool
still_applies(const struct batch *b, const struct project_lists_item *item)
{
    if (item->label != NULL)
        return !project_statuses_label(b->project, item->label);
    return has_status(b, item) || item->to != NULL;
}

static enum err
follow_in_change(struct change *change, void *arg)
{
    struct following *w = arg;
    struct batch *b = arena_alloc(w->r->arena, sizeof(*b));
    enum err err;

    *b = (struct batch){.r = w->r, .change = change, .left = PROJECT_LISTS_BATCH};
    err = request_fetch(w->r, STORE_PROJECTS, w->project, &b->project);
    if (err == ERR_NONE && still_applies(b, w->item))
        err = follow(b, w->item);
    w->more = b->more;
    return err;
}

enum err
project_lists_follow(struct request *r, const bson_oid_t *project,
                     const struct project_lists_item *item, bool *more)
{
    struct following w = {r, project, item, false};
    struct change_plan plan = {.topic_count = 1, .fn = follow_in_change, .arg = &w};
    enum err err;

    plan.topics[0] = request_project_topic(r, project);
    err = request_change(r, &plan);
    *more = w.more;
    return err;
}
