/*
 * Tasks that are archived or in the trash are updated too, so that they are right when they come
 * back.
 */
#include "api/v1/tasks/project_lists.h"

#include <stdlib.h>
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
#include "common/store/store_gather.h"

#define JOB_MS      (7 * 86400000LL) /* how long the job is tried again */
#define COUNTED_MAX 10000            /* tasks of one item that are counted, and of a job's list */

struct batch {
    struct request *r;
    struct change *change;
    const bson_t *project;
    int left; /* how many more tasks may be changed */
    bool more;
    const char *from; /* only tasks from this position on; NULL: all */
    const char *last; /* the position of the last task that was changed; NULL: none was */
    const bson_t *tasks[PROJECT_LISTS_BATCH];
    int count;
    struct doc_array items; /* those whose tasks were not all changed, */
    struct doc_array ids;   /* and these tasks, */
    int64_t rest;           /* and how many they are */
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

/* One more than may be changed, in the order of an index. */
static enum err
find_tasks(struct batch *b, const struct project_lists_item *item)
{
    bson_t *filter = tasks_with(b, item), range;
    bson_t *opts =
        request_keep(b->r, BCON_NEW("sort", "{", "position", BCON_INT32(1), "_id", BCON_INT32(1),
                                    "}", "limit", BCON_INT64(b->left + 1)));

    if (b->from != NULL) {
        BSON_APPEND_DOCUMENT_BEGIN(filter, "position", &range);
        BSON_APPEND_UTF8(&range, "$gte", b->from);
        bson_append_document_end(filter, &range);
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

/* Nobody is notified: it is the project that has changed. */
static enum err
change_task(struct batch *b, const struct project_lists_item *item, const bson_t *task)
{
    struct resource quiet = tasks;
    const struct entity_change e = {b->r, b->change, &quiet, 0};
    bson_t *set = request_keep(b->r, bson_new());
    const bson_t *stored;

    quiet.after = NULL;
    append_change(b, item, task, set);
    b->left--;
    return entity_store(&e, EVENT_TASK_UPDATED, task, request_keep(b->r, doc_merge(task, set)),
                        &stored);
}

static enum err
follow(struct batch *b, const struct project_lists_item *item)
{
    enum err err = find_tasks(b, item);

    for (int i = 0; err == ERR_NONE && i < b->count; i++)
        err = change_task(b, item, b->tasks[i]);
    b->last = b->count == 0 ? NULL : doc_text(b->tasks[b->count - 1], "position");
    return err;
}

/* ------------------------------------------------------------ what is left to a job */

static enum err
count_task(void *arg, const bson_t *task)
{
    struct batch *b = arg;

    b->rest++;
    if (b->ids.count < COUNTED_MAX)
        doc_array_add_id(&b->ids, doc_id(task, "_id"));
    return ERR_NONE;
}

/* Notes an item whose tasks were not all changed, and which these are, up to COUNTED_MAX. */
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
    content =
        request_keep(b->r, BCON_NEW("projectId", BCON_OID(project), "userId",
                                    BCON_OID(&b->r->user_id), "jobId", BCON_OID(&job), "items",
                                    BCON_ARRAY(b->items.bson), "tasks", BCON_ARRAY(b->ids.bson)));
    return queue_job(b->change, JOB_STATUS_KIND, now, now + JOB_MS, content);
}

static void
begin(struct batch *b, struct request *r, struct change *change, const bson_t *project)
{
    *b = (struct batch){.r = r, .change = change, .project = project, .left = PROJECT_LISTS_BATCH};
    b->items.bson = request_keep(r, bson_new());
    b->ids.bson = request_keep(r, bson_new());
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

/* Reads the n-th item of the job; false: it has no more.  ERR_INVALID: it is malformed. */
static bool
read_item(const bson_t *content, int n, struct project_lists_item *item, enum err *err)
{
    bson_iter_t iter, items;
    const uint8_t *bytes = bson_get_data(content);
    uint32_t len = content->len;
    char key[12];
    bson_t entry;

    bson_snprintf(key, sizeof(key), "%d", n);
    if (bson_iter_init_find(&iter, content, "items")) {
        if (!bson_iter_recurse(&iter, &items) || !bson_iter_find(&items, key))
            return false;
        bson_iter_document(&items, &len, &bytes);
    } else if (n > 0) { /* a job of an earlier version is one item */
        return false;
    }
    *err = ERR_INVALID;
    if (!bson_init_static(&entry, bytes, len))
        return false;
    *item = (struct project_lists_item){.status = doc_text(&entry, "status"),
                                        .to = doc_text(&entry, "to"),
                                        .label = doc_text(&entry, "label")};
    if (item->status == NULL && item->label == NULL)
        return false;
    *err = ERR_NONE;
    return true;
}

/* Is the task one of tasks_with()? */
static bool
is_with(const struct batch *b, const struct project_lists_item *item, const bson_t *task)
{
    bson_iter_t iter, labels;

    if (item->status != NULL)
        return strcmp(doc_text(task, "status"), item->status) == 0 &&
               (!has_status(b, item) || (project_statuses_kind(b->project, item->status) == 'd') !=
                                            doc_has(task, "completedAt"));
    if (bson_iter_init_find(&iter, task, "labelIds") && bson_iter_recurse(&iter, &labels))
        while (bson_iter_next(&labels))
            if (strcmp(bson_iter_utf8(&labels, NULL), item->label) == 0)
                return true;
    return false;
}

/* Changes a task of the job's list, if it is still there and one of the items applies to it. */
static enum err
follow_one(struct batch *b, const bson_t *content, const bson_oid_t *id)
{
    struct project_lists_item item;
    const bson_t *task;
    enum err err = request_fetch(b->r, STORE_TASKS, id, &task);

    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    if (!bson_oid_equal(doc_id(task, "projectId"), doc_id(b->project, "_id")))
        return ERR_NONE;
    for (int n = 0; read_item(content, n, &item, &err); n++)
        if (still_applies(b, &item) && is_with(b, &item, task))
            return change_task(b, &item, task);
    return err;
}

/* The next tasks of the job's list, from index *n on, which is then that of the next part. */
static enum err
follow_listed(struct batch *b, const bson_t *content, int *n)
{
    bson_oid_t ids[PROJECT_LISTS_BATCH];
    bson_iter_t iter, list;
    size_t count = 0;
    enum err err;

    if (!bson_iter_init_find(&iter, content, "tasks") || !bson_iter_recurse(&iter, &list))
        return ERR_NONE;
    for (int skip = 0; bson_iter_next(&list) && !b->more; skip++) {
        b->more = count == PROJECT_LISTS_BATCH;
        if (skip >= *n && !b->more)
            ids[count++] = *bson_iter_oid(&list);
    }
    *n += (int)count;
    err = store_gather_read(change_store(b->change), STORE_TASKS, ids, count);
    for (size_t i = 0; err == ERR_NONE && i < count; i++)
        err = follow_one(b, content, &ids[i]);
    return err;
}

/*
 * Where a part begins: at an index of the job's list of tasks, or, once that is done, at an item
 * and a position among all tasks.
 */
struct place {
    int listed; /* -1: the list is done */
    int item;
    const char *position; /* NULL: at the first task */
};

/* "#<index>", "<item> <position>" */
static struct place
read_place(const char *text)
{
    const char *space = text == NULL ? NULL : strchr(text, ' ');
    struct place place = {.listed = 0};

    if (space == NULL) {
        place.listed = text == NULL || text[0] != '#' ? 0 : (int)strtol(text + 1, NULL, 10);
    } else {
        place.listed = -1;
        place.item = (int)strtol(text, NULL, 10);
        place.position = space[1] == '\0' ? NULL : space + 1;
    }
    return place;
}

static const char *
write_place(struct request *r, const struct place *place)
{
    if (place->listed >= 0)
        return arena_printf(r->arena, "#%d", place->listed);
    return arena_printf(r->arena, "%d %s", place->item,
                        place->position == NULL ? "" : place->position);
}

/* Finds the tasks of the items from the place on, which is then that of the next part. */
static enum err
follow_found(struct batch *b, const bson_t *content, struct place *place)
{
    struct project_lists_item item;
    enum err err = ERR_NONE;

    for (int n = place->item; err == ERR_NONE && !b->more && read_item(content, n, &item, &err);
         n++) {
        b->from = n == place->item ? place->position : NULL;
        if (still_applies(b, &item))
            err = follow(b, &item);
        if (b->more)
            *place = (struct place){-1, n, b->last};
    }
    return err;
}

/*
 * Tasks that the list does not have, or that have moved to before the place, are found at the end.
 */
static enum err
follow_from(struct batch *b, const bson_t *content, struct place *place)
{
    bool again = place->position != NULL || place->item > 0;
    enum err err = ERR_NONE;

    if (place->listed >= 0)
        err = follow_listed(b, content, &place->listed);
    if (err != ERR_NONE || b->more)
        return err;
    place->listed = -1;
    err = follow_found(b, content, place);
    if (err == ERR_NONE && !b->more && again) {
        *place = (struct place){.listed = -1};
        err = follow_found(b, content, place);
    }
    return err;
}

enum err
project_lists_follow(struct request *r, struct change *change, const bson_t *content,
                     const char *from, struct project_lists_part *part)
{
    struct batch *b = arena_alloc(r->arena, sizeof(*b));
    struct place place = read_place(from);
    enum err err;

    begin(b, r, change, NULL);
    err = request_fetch(r, STORE_PROJECTS, doc_id(content, "projectId"), &b->project);
    if (err == ERR_NONE)
        err = follow_from(b, content, &place);
    *part = (struct project_lists_part){.done = PROJECT_LISTS_BATCH - b->left, .more = b->more};
    if (b->more)
        part->next = write_place(r, &place);
    return err;
}
