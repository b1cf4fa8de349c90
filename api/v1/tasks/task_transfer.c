/*
 * Names lead from one project to the other: labels and statuses have ids of their own in each.
 */
#include "api/v1/tasks/task_transfer.h"

#include <stdlib.h>
#include <string.h>

#include "api/access/access.h"
#include "api/crud/entity.h"
#include "api/http/quotas.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/schema/doc_changes.h"
#include "api/schema/order_key.h"
#include "api/v1/handlers.h"
#include "api/v1/notifications.h"
#include "api/v1/tasks/attachments.h"
#include "api/v1/tasks/comments.h"
#include "api/v1/tasks/project_statuses.h"
#include "api/v1/tasks/subscriptions.h"
#include "api/v1/tasks/task_counts.h"
#include "api/v1/tasks/tasks.h"
#include "common/base/id.h"

static const struct shape dropped_shape = {"Dropped", task_dropped_fields};

struct task_dropped {
    struct doc_array labels, assignees, relations;
};

static enum err
note_subtask(void *arg, const bson_t *doc)
{
    struct task_transfer *t = arg;

    t->subtasks[t->count++] = request_keep(t->r, bson_copy(doc));
    return ERR_NONE;
}

static int
by_position(const void *a, const void *b)
{
    return strcmp(doc_text(*(const bson_t *const *)a, "position"),
                  doc_text(*(const bson_t *const *)b, "position"));
}

enum err
task_transfer_begin(struct task_transfer *t)
{
    struct request *r = t->r;
    bson_t *filter = request_keep(r, BCON_NEW("parentId", BCON_OID(doc_id(t->task, "_id")),
                                              "projectId", BCON_OID(doc_id(t->task, "projectId"))));
    bson_t *opts = request_keep(r, BCON_NEW("limit", BCON_INT64(TASK_TRANSFER_SUBTASKS + 1)));
    struct doc_array ids = {request_keep(r, bson_new()), 0};
    enum err err;

    t->labels = request_keep(r, bson_new());
    t->statuses = request_keep(r, bson_new());
    t->dropped = arena_alloc(r->arena, sizeof(*t->dropped));
    *t->dropped = (struct task_dropped){{request_keep(r, bson_new()), 0},
                                        {request_keep(r, bson_new()), 0},
                                        {request_keep(r, bson_new()), 0}};
    t->count = 0;
    err = store_find(change_store(t->change), &(struct store_query){STORE_TASKS, filter, opts},
                     note_subtask, t);
    if (err == ERR_NONE && t->count > TASK_TRANSFER_SUBTASKS)
        err = request_fail(r, ERR_CONFLICT,
                           "a task with more than %d subtasks, those in the trash included, cannot "
                           "move to another project",
                           TASK_TRANSFER_SUBTASKS);
    if (err != ERR_NONE)
        return err;
    qsort(t->subtasks, (size_t)t->count, sizeof(*t->subtasks), by_position);
    doc_array_add_id(&ids, doc_id(t->task, "_id"));
    for (int i = 0; i < t->count; i++)
        doc_array_add_id(&ids, doc_id(t->subtasks[i], "_id"));
    t->ids = ids.bson;
    project_statuses_match(t->from, t->to, "labels", t->labels);
    project_statuses_match(t->from, t->to, "statuses", t->statuses);
    return ERR_NONE;
}

/* ------------------------------------------------------------ fields */

/* Is the value in the array? */
static bool
has_value(const bson_t *array, const bson_iter_t *value)
{
    bson_t holder = BSON_INITIALIZER;
    bool has;

    BSON_APPEND_ARRAY(&holder, "list", array);
    has = doc_list_has(&holder, "list", value);
    bson_destroy(&holder);
    return has;
}

/* Adds the element "0" of a document, unless it is there already. */
static void
add_once(struct doc_array *array, const bson_t *holder)
{
    bson_iter_t value;

    if (bson_iter_init_find(&value, holder, "0") && array->count < TASK_DROPPED_MAX &&
        !has_value(array->bson, &value))
        doc_array_add_value(array, &value);
}

static void
lose_label(struct task_transfer *t, const char *id)
{
    const char *name = project_statuses_name(t->from, "labels", id);
    bson_t *holder =
        BCON_NEW("0", "{", "id", BCON_UTF8(id), "name", BCON_UTF8(name == NULL ? id : name), "}");

    add_once(&t->dropped->labels, holder);
    bson_destroy(holder);
}

static void
append_labels(struct task_transfer *t, const bson_t *task, bson_t *set)
{
    struct doc_array kept = {bson_new(), 0};
    bson_iter_t iter, list;

    if (bson_iter_init_find(&iter, task, "labelIds") && bson_iter_recurse(&iter, &list))
        while (bson_iter_next(&list)) {
            const char *id = bson_iter_utf8(&list, NULL), *other = doc_text(t->labels, id);
            bson_t *holder = other == NULL ? NULL : BCON_NEW("0", BCON_UTF8(other));

            if (holder == NULL) {
                lose_label(t, id);
                continue;
            }
            add_once(&kept, holder);
            bson_destroy(holder);
        }
    BSON_APPEND_ARRAY(set, "labelIds", kept.bson);
    bson_destroy(kept.bson);
}

static void
append_assignees(struct task_transfer *t, const bson_t *task, bson_t *set)
{
    bson_iter_t iter, list;

    task_rules_keep_assignees(t->to, task, set);
    if (!bson_iter_init_find(&iter, task, "assigneeIds") || !bson_iter_recurse(&iter, &list))
        return;
    while (bson_iter_next(&list))
        if (access_member(t->to, bson_iter_oid(&list)) == ROLE_NONE &&
            !has_value(t->dropped->assignees.bson, &list))
            doc_array_add_value(&t->dropped->assignees, &list);
}

static void
lose_relation(struct task_transfer *t, const bson_t *task, const bson_iter_t *relation)
{
    bson_t holder = BSON_INITIALIZER, object;
    bson_iter_t members;

    BSON_APPEND_DOCUMENT_BEGIN(&holder, "0", &object);
    BSON_APPEND_OID(&object, "id", doc_id(task, "_id"));
    bson_iter_recurse(relation, &members);
    while (bson_iter_next(&members))
        bson_append_iter(&object, NULL, 0, &members);
    bson_append_document_end(&holder, &object);
    add_once(&t->dropped->relations, &holder);
    bson_destroy(&holder);
}

static void
append_relations(struct task_transfer *t, const bson_t *task, bson_t *set)
{
    bson_t kept;
    struct doc_array array = {&kept, 0};
    bson_iter_t iter, list, id;

    BSON_APPEND_ARRAY_BEGIN(set, "relations", &kept);
    if (bson_iter_init_find(&iter, task, "relations") && bson_iter_recurse(&iter, &list))
        while (bson_iter_next(&list)) {
            bool moves = bson_iter_recurse(&list, &id) && bson_iter_find(&id, "taskId") &&
                         has_value(t->ids, &id);

            if (moves)
                doc_array_add_value(&array, &list);
            else
                lose_relation(t, task, &list);
        }
    bson_append_array_end(set, &kept);
}

/* The status of the same name and kind, the same id and kind, or the first of that kind. */
static const char *
find_status(const struct task_transfer *t, const bson_t *task)
{
    const char *id = doc_text(task, "status"), *same = doc_text(t->statuses, id);
    char kind = project_statuses_kind(t->from, id);

    if (same != NULL)
        return same;
    if (kind == '\0') /* deleted since */
        kind = doc_has(task, "completedAt") ? 'd' : 'o';
    return project_statuses_kind(t->to, id) == kind ? id : project_statuses_first_of(t->to, kind);
}

void
task_transfer_fields(struct task_transfer *t, const bson_t *task, bson_t *set)
{
    BSON_APPEND_OID(set, "projectId", doc_id(t->to, "_id"));
    append_labels(t, task, set);
    append_assignees(t, task, set);
    append_relations(t, task, set);
    BSON_APPEND_UTF8(set, "status", find_status(t, task));
}

/* ------------------------------------------------------------ changes */

enum err
task_transfer_tell(struct task_transfer *t, const bson_t *before, const bson_t *after, bool counted)
{
    char id[ID_TEXT];
    struct text counts = {0}, changes = {0};
    struct event event = {
        .kind = EVENT_TASK_MOVED, .rev = entity_next_rev(before), .entity_id = id};
    enum err err = ERR_NONE;

    if (counted)
        err = task_counts_task(&(struct counting){t->r, &event, &counts}, before, NULL);
    bson_oid_to_string(doc_id(before, "_id"), id);
    doc_changes_half(&changes, &task_shape, before, after, true);
    changes.len--; /* the brace */
    text_printf(&changes, ",\"comments\":[%lld,null],\"attachments\":[%lld,null]}",
                (long long)doc_int(before, "comments"), (long long)doc_int(before, "attachments"));
    event.changes = changes.bytes;
    if (err == ERR_NONE)
        err = change_event(t->change, t->from_topic, &event);
    text_free(&changes);
    text_free(&counts);
    return err;
}

/*
 * A subtask goes to the place with a number of the change that no other task has; or back to where
 * it was.
 */
static enum err
move_subtask(struct task_transfer *t, const bson_t *task, int64_t place)
{
    struct request *r = t->r;
    const struct entity_change e = {r, t->change, &tasks, t->to_topic};
    bson_t *set = request_keep(r, bson_new()), *after;
    struct text key = {0};
    const bson_t *stored, *former = t->former == NULL ? NULL : t->former(t, task);
    enum err err = ERR_NONE;

    task_transfer_fields(t, task, set);
    order_key_last(&key, place);
    BSON_APPEND_UTF8(set, "position", key.bytes);
    text_free(&key);
    if (former == NULL || !doc_has(former, "number")) {
        int64_t number = change_count(t->change, t->to_topic);

        BSON_APPEND_INT64(set, "number", number);
        err = quotas_check(r, QUOTA_PROJECT_TASKS, number - 1);
    }
    if (former != NULL)
        set = request_keep(r, doc_merge(set, former));
    after = request_keep(r, doc_merge(task, set));
    if (err != ERR_NONE ||
        (err = entity_store(&e, EVENT_TASK_MOVED, task, after, &stored)) != ERR_NONE)
        return err;
    return task_transfer_tell(t, task, stored, false);
}

enum err
task_transfer_rest(struct task_transfer *t)
{
    int64_t place = change_seq(t->change, t->to_topic);
    enum err err = ERR_NONE;

    for (int i = 0; err == ERR_NONE && i < t->count; i++)
        err = move_subtask(t, t->subtasks[i], place + 1 + i);
    if (err != ERR_NONE || (err = comments_move(t->r, t->change, t->ids, t->to)) != ERR_NONE ||
        (err = attachments_move(t->r, t->change, t->ids, doc_id(t->from, "_id"),
                                doc_id(t->to, "_id"))) != ERR_NONE)
        return err;
    err = notifications_move(t->r, t->change, t->ids, t->to);
    return err == ERR_NONE ? subscriptions_move(t->r, t->change, t->ids, t->to) : err;
}

const char *
task_transfer_dropped(const struct task_transfer *t, bool *any)
{
    const struct task_dropped *d = t->dropped;
    const bson_oid_t *parent = doc_id(t->task, "parentId");
    bson_t doc = BSON_INITIALIZER;
    struct text json = {0};
    const char *kept;

    BSON_APPEND_ARRAY(&doc, "labels", d->labels.bson);
    BSON_APPEND_ARRAY(&doc, "assignees", d->assignees.bson);
    BSON_APPEND_ARRAY(&doc, "relations", d->relations.bson);
    if (parent != NULL)
        BSON_APPEND_OID(&doc, "parentId", parent);
    doc_write(&json, &dropped_shape, &doc);
    kept = arena_dup(t->r->arena, json.bytes);
    *any = parent != NULL || d->labels.count + d->assignees.count + d->relations.count > 0;
    text_free(&json);
    bson_destroy(&doc);
    return kept;
}
