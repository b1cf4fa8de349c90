/*
 * Tasks that are archived or in the trash are updated too, so that they are right when they come
 * back.
 */
#include "api/v1/tasks/project_lists.h"

#include <string.h>

#include "api/crud/entity.h"
#include "api/http/request.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "api/schema/item_list.h"
#include "api/v1/handlers.h"
#include "api/v1/tasks/project_statuses.h"
#include "api/v1/user_jobs.h"
#include "common/change/change.h"

#define JOB_MS      (7 * 86400000LL) /* how long the job is tried again */
#define COUNTED_MAX 10000            /* tasks of one item that are counted */

struct batch {
    struct request *r;
    struct change *change;
    const bson_t *project;
    int left; /* how many more tasks may be changed */
    bool more;
    const bson_t *tasks[PROJECT_LISTS_BATCH];
    int count;
    struct doc_array items; /* those whose tasks were not all changed, */
    int64_t rest;           /* and how many tasks these are */
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
 * with its kind.
 */
static bson_t *
tasks_with(const struct batch *b, const struct project_lists_item *item)
{
    bson_t *filter = request_keep(b->r, BCON_NEW("projectId", BCON_OID(doc_id(b->project, "_id"))));
    bson_t other;

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
    return filter;
}

/* One more than may be changed. */
static enum err
find_tasks(struct batch *b, const struct project_lists_item *item)
{
    bson_t *opts = request_keep(b->r, BCON_NEW("limit", BCON_INT64(b->left + 1)));

    b->count = 0;
    return store_find(change_store(b->change),
                      &(struct store_query){STORE_TASKS, tasks_with(b, item), opts}, note_task, b);
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

/* Nobody is notified: it is the project that has changed. */
static enum err
follow(struct batch *b, const struct project_lists_item *item)
{
    struct resource quiet = tasks;
    const struct entity_change e = {b->r, b->change, &quiet, 0};
    const bson_t *stored;
    enum err err = find_tasks(b, item);

    quiet.after = NULL;
    for (int i = 0; err == ERR_NONE && i < b->count; i++) {
        bson_t *set = request_keep(b->r, bson_new());

        append_change(b, item, b->tasks[i], set);
        err = entity_store(&e, EVENT_TASK_UPDATED, b->tasks[i],
                           request_keep(b->r, doc_merge(b->tasks[i], set)), &stored);
    }
    b->left -= b->count;
    return err;
}

/* ------------------------------------------------------------ what is left to a job */

static enum err
count_task(void *arg, const bson_t *task)
{
    struct batch *b = arg;

    (void)task;
    b->rest++;
    return ERR_NONE;
}

/* Notes an item whose tasks were not all changed, and how many there are, up to COUNTED_MAX. */
static enum err
note_rest(struct batch *b, const struct project_lists_item *item)
{
    bson_t *opts = request_keep(b->r, BCON_NEW("projection", "{", "_id", BCON_BOOL(true), "}",
                                               "limit", BCON_INT64(COUNTED_MAX)));
    bson_t entry;
    char key[12];

    bson_snprintf(key, sizeof(key), "%u", b->items.count++);
    BSON_APPEND_DOCUMENT_BEGIN(b->items.bson, key, &entry);
    if (item->status != NULL)
        BSON_APPEND_UTF8(&entry, "status", item->status);
    if (item->to != NULL)
        BSON_APPEND_UTF8(&entry, "to", item->to);
    if (item->label != NULL)
        BSON_APPEND_UTF8(&entry, "label", item->label);
    bson_append_document_end(b->items.bson, &entry);
    b->more = false;
    return store_find(change_store(b->change),
                      &(struct store_query){STORE_TASKS, tasks_with(b, item), opts}, count_task, b);
}

static enum err
leave_to_job(struct batch *b)
{
    int64_t now = change_now(b->change);
    const bson_oid_t *project = doc_id(b->project, "_id");
    const struct user_job_start start = {USER_JOB_FOLLOW, b->rest, project};
    bson_t *content;
    bson_oid_t job;
    enum err err = user_jobs_start(b->r, b->change, &start);

    if (err != ERR_NONE)
        return err;
    bson_oid_init_from_string(&job, b->r->job);
    content = request_keep(b->r, BCON_NEW("projectId", BCON_OID(project), "userId",
                                          BCON_OID(&b->r->user_id), "jobId", BCON_OID(&job),
                                          "items", BCON_ARRAY(b->items.bson)));
    return queue_job(b->change, JOB_STATUS_KIND, now, now + JOB_MS, content);
}

static void
begin(struct batch *b, struct request *r, struct change *change, const bson_t *project)
{
    *b = (struct batch){.r = r, .change = change, .project = project, .left = PROJECT_LISTS_BATCH};
    b->items.bson = request_keep(r, bson_new());
}

/* As many tasks as a change may have follow in it; a job does the rest. */
static enum err
follow_or_note(struct batch *b, const struct project_lists_item *item)
{
    enum err err = follow(b, item);

    return err == ERR_NONE && b->more ? note_rest(b, item) : err;
}

enum err
project_lists_removed(struct request *r, struct change *change, const bson_t *project,
                      const struct project_lists_item *item)
{
    struct batch *b = arena_alloc(r->arena, sizeof(*b));
    enum err err;

    begin(b, r, change, project);
    err = follow_or_note(b, item);
    return err == ERR_NONE && b->items.count > 0 ? leave_to_job(b) : err;
}

enum err
project_lists_changed(struct request *r, struct change *change, const bson_t *before,
                      const bson_t *after)
{
    struct batch *b = arena_alloc(r->arena, sizeof(*b));
    bson_iter_t iter, items, id;
    enum err err = ERR_NONE;

    begin(b, r, change, after);
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
        err = follow_or_note(b, &item);
    }
    return err == ERR_NONE && b->items.count > 0 ? leave_to_job(b) : err;
}

/* ------------------------------------------------------------ the job */

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
follow_entry(struct batch *b, const bson_t *entry)
{
    const struct project_lists_item item = {.status = doc_text(entry, "status"),
                                            .to = doc_text(entry, "to"),
                                            .label = doc_text(entry, "label")};

    if (item.status == NULL && item.label == NULL)
        return ERR_INVALID;
    return still_applies(b, &item) ? follow(b, &item) : ERR_NONE;
}

enum err
project_lists_follow(struct request *r, struct change *change, const bson_t *content, int64_t *done,
                     bool *more)
{
    struct batch *b = arena_alloc(r->arena, sizeof(*b));
    const uint8_t *bytes;
    bson_iter_t iter, items;
    uint32_t len;
    bson_t entry;
    enum err err;

    begin(b, r, change, NULL);
    err = request_fetch(r, STORE_PROJECTS, doc_id(content, "projectId"), &b->project);
    if (err == ERR_NONE && !bson_has_field(content, "items"))
        err = follow_entry(b, content);
    if (bson_iter_init_find(&iter, content, "items") && bson_iter_recurse(&iter, &items))
        while (err == ERR_NONE && !b->more && bson_iter_next(&items)) {
            bson_iter_document(&items, &len, &bytes);
            err = bson_init_static(&entry, bytes, len) ? follow_entry(b, &entry) : ERR_INVALID;
        }
    *done = PROJECT_LISTS_BATCH - b->left;
    *more = b->more;
    return err;
}
