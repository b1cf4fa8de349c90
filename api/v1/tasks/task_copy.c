/*
 * A copy is stored as it is, without the rules between fields: what has become invalid since it was
 * set does not prevent copying.
 */
#include "api/v1/tasks/task_copy.h"

#include "api/crud/entity.h"
#include "api/http/quotas.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/schema/order_key.h"
#include "api/v1/handlers.h"
#include "api/v1/tasks/attachments.h"
#include "api/v1/tasks/project_statuses.h"
#include "api/v1/tasks/task_counts.h"
#include "api/v1/tasks/task_reminders.h"
#include "api/v1/tasks/tasks.h"
#include "common/store/derived.h"

static enum err
note_subtask(void *arg, const bson_t *doc)
{
    struct task_copy_subtasks *s = arg;

    s->docs[s->count++] = request_keep(s->r, bson_copy(doc));
    return ERR_NONE;
}

enum err
task_copy_find_subtasks(struct request *r, const bson_oid_t *task, struct task_copy_subtasks *s)
{
    bson_t *filter = request_keep(r, BCON_NEW("parentId", BCON_OID(task), "deletedAt", BCON_NULL));
    bson_t *opts = request_keep(r, BCON_NEW("limit", BCON_INT64(TASK_COPY_SUBTASKS + 1)));

    *s = (struct task_copy_subtasks){.r = r};
    return store_find(r->store, &(struct store_query){STORE_TASKS, filter, opts}, note_subtask, s);
}

/* The fields that a client can set are copied; the others belong to the copy. */
static bson_t *
copy_fields(const struct task_copy *c, const bson_t *task)
{
    bson_t *copy = entity_new(c->r, change_now(c->change));
    bson_iter_t iter;

    bson_iter_init(&iter, task);
    while (bson_iter_next(&iter)) {
        const struct field *f = doc_field(task_fields, bson_iter_key(&iter));

        if (f != NULL && (f->flags & (MUST_SET | MAY_SET | MAY_EDIT)) && (f->flags & VIRTUAL) == 0)
            bson_append_iter(copy, NULL, 0, &iter);
    }
    return copy;
}

/* The number of the change's next event, which is that of the copy. */
static int64_t
next_number(const struct task_copy *c)
{
    bool unused = change_as_of(c->change, c->topic) >= 0;

    return change_seq(c->change, c->topic) + (unused ? 0 : 1);
}

/* Appends what every copy has: its own number and place, and the state of a new task. */
static void
append_new_state(const struct task_copy *c, const bson_t *task, bson_t *set)
{
    struct text key = {0};

    BSON_APPEND_OID(set, "projectId", doc_id(c->project, "_id"));
    if (!bson_has_field(set, "status"))
        BSON_APPEND_UTF8(set, "status", project_statuses_first(c->project));
    task_rules_keep_assignees(c->project, task, set);
    if (!bson_has_field(set, "reminders"))
        task_reminders_copy(task, set);
    if (!bson_has_field(set, "position")) {
        order_key_last(&key, next_number(c));
        BSON_APPEND_UTF8(set, "position", key.bytes);
    }
    text_free(&key);
    if (!bson_has_field(set, "completedAt"))
        BSON_APPEND_NULL(set, "completedAt");
    if (!bson_has_field(set, "archivedAt"))
        BSON_APPEND_NULL(set, "archivedAt");
    BSON_APPEND_NULL(set, "deletedAt");
    BSON_APPEND_NULL(set, "nextId");
    task_counts_start(set);
}

static enum err
append_number(const struct task_copy *c, bson_t *set)
{
    int64_t number = change_count(c->change, c->topic);

    BSON_APPEND_INT64(set, "number", number);
    return quotas_check(c->r, QUOTA_PROJECT_TASKS, number - 1);
}

/* The document, with derived fields. */
static bson_t *
make(const struct task_copy *c, const bson_t *task, const bson_t *set)
{
    bson_t *doc = request_keep(c->r, doc_merge(copy_fields(c, task), set));
    bson_t *derived = request_keep(c->r, bson_new());
    int64_t at;

    derived_due_key(doc_time(doc, "dueAt", &at) ? &at : NULL, doc_text(doc, "dueDate"), derived);
    derived_terms(doc_text(doc, "title"), doc_text(doc, "description"), derived);
    task_reminders_arm(NULL, doc, &(struct task_arming){change_now(c->change), &c->r->user_id},
                       derived);
    return request_keep(c->r, doc_merge(doc, derived));
}

enum err
task_copy_insert(const struct task_copy *c, const bson_t *task, bson_t *set, const bson_t **copy)
{
    struct resource quiet = tasks;
    const struct entity_change e = {c->r, c->change, &quiet, c->topic};
    enum err err = append_number(c, set);

    if (err != ERR_NONE)
        return err;
    if (!c->tells)
        quiet.after = NULL;
    append_new_state(c, task, set);
    *copy = make(c, task, set);
    err = entity_insert(&e, *copy);
    if (err != ERR_NONE || doc_int(task, "attachments") == 0)
        return err;
    return attachments_copy(c->r, c->change, task, *copy, c->creator);
}
