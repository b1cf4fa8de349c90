/*
 * /v1/tasks: the fields, lists and creation of a task.
 */
#include "api/v1/tasks/tasks.h"

#include <string.h>

#include "api/access/project_access.h"
#include "api/access/read_access.h"
#include "api/crud/due.h"
#include "api/crud/entity.h"
#include "api/crud/items.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/quotas.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/schema/order_key.h"
#include "api/v1/handlers.h"
#include "api/v1/notifications.h"
#include "api/v1/tasks/rank.h"
#include "api/v1/tasks/search.h"
#include "api/v1/tasks/task_counts.h"
#include "api/v1/tasks/task_filter.h"
#include "api/v1/tasks/task_recurrence.h"
#include "api/v1/tasks/task_reminders.h"
#include "api/v1/tasks/task_watchers.h"
#include "common/base/id.h"
#include "common/store/derived.h"
#include "common/time/duration.h"
#include "common/time/rrule.h"
#include "common/time/zone.h"

static const char *const priorities[] = {"none", "low", "medium", "high", "urgent", NULL};
static const char *const bases[] = {"due", "completion", NULL};
static const char *const relation_kinds[] = {"blocks", "blocked-by", "relates", "duplicates", NULL};

/* clang-format off */
static const struct field item_fields[] = {
    {"id",   SLUG, MUST_SET},
    {"text", TEXT, MUST_SET | MAY_EDIT, 1, 500},
    {"done", FLAG, MAY_EDIT, .fallback = "false"},
    {NULL},
};
static const struct field item_add_fields[] = {
    ITEM_ID_FIELD,
    {"text",   TEXT, MUST_SET, 1, 500},
    {"done",   FLAG, MAY_SET, .fallback = "false"},
    ITEM_PLACE_FIELDS,
    {NULL},
};
static const struct field relation_fields[] = {
    {"kind",   CHOICE, MUST_SET, .choices = relation_kinds},
    {"taskId", REF,    MUST_SET},
    {NULL},
};
static const struct field recurrence_fields[] = {
    {"rule",  TEXT,   MUST_SET | MAY_EDIT, 1, RRULE_TEXT_MAX, .about = "an RRULE of RFC 5545, like FREQ=WEEKLY;BYDAY=MO,FR; days or more apart"},
    {"basis", CHOICE, MAY_EDIT, .choices = bases, .fallback = "\"due\"", .about = "what the next date is counted from: the series or the day of completion"},
    {"start", TEXT,   MAY_EDIT | NULLABLE, 10, 40, .about = "a date or an instant, like the due date: the dates are counted from it; set to the due date with the rule"},
    {NULL},
};
static const struct field reminder_fields[] = {
    {"id",     SLUG,    MUST_SET},
    {"at",     INSTANT, MAY_EDIT | NULLABLE | OPTIONAL, .about = "the instant"},
    {"before", TEXT,    MAY_EDIT | NULLABLE | OPTIONAL, 1, DURATION_TEXT_MAX, .about = "or how long before dueAt, or before 09:00 of dueDate in the recipient's time zone: a duration of ISO 8601 like PT30M or P1D"},
    {NULL},
};
static const struct field lost_label_fields[] = {
    {"id",   SLUG, 0},
    {"name", TEXT, 0},
    {NULL},
};
static const struct field lost_relation_fields[] = {
    {"id",     REF,  0, .about = "of the task that had it"},
    {"kind",   TEXT, 0},
    {"taskId", REF,  0},
    {NULL},
};
const struct field task_dropped_fields[] = {
    {"labels",    OBJECTS, 0, 0, TASK_DROPPED_MAX, .items = lost_label_fields, .about = "that the project has none of the same name for"},
    {"assignees", REFS,    0, 0, TASK_DROPPED_MAX, .about = "who are not members of the project"},
    {"relations", OBJECTS, 0, 0, TASK_DROPPED_MAX, .items = lost_relation_fields, .about = "to tasks that stay"},
    {"parentId",  REF,     NULLABLE, .about = "which stays"},
    {NULL},
};
const struct field task_fields[] = {
    /* In the order in which create_task() stores them, so that doc_write() finds each at once. */
    /* name           kind     a client               limits */
    ENTITY_FIELDS,
    {"projectId",     REF,     MAY_SET | NULLABLE,    .about = "defaults to the caller's Inbox"},
    {"title",         TEXT,    MUST_SET | MAY_EDIT,   1, 500},
    {"description",   TEXT,    MAY_EDIT,              0, 50000, .fallback = "\"\""},
    {"status",        SLUG,    MAY_EDIT,              .fallback = "\"-\"", .about = "the id of one of the project's statuses"},
    {"priority",      RANK,    MAY_EDIT,              .choices = priorities, .fallback = "\"none\""},
    {"startAt",       INSTANT, MAY_EDIT | NULLABLE},
    {"startDate",     DATE,    MAY_EDIT | NULLABLE,   .couple = "startAt"},
    {"dueAt",         INSTANT, MAY_EDIT | NULLABLE},
    {"dueDate",       DATE,    MAY_EDIT | NULLABLE,   .couple = "dueAt"},
    {"assigneeIds",   REFS,    MAY_EDIT,              0, 50, .fallback = "[]"},
    {"labelIds",      SLUGS,   MAY_EDIT,              0, 50, .fallback = "[]"},
    {"parentId",      REF,     MAY_EDIT | NULLABLE},
    {"checklist",     OBJECTS, MAY_EDIT,              0, 200, .items = item_fields, .key = "id", .fallback = "[]"},
    {"relations",     OBJECTS, MAY_EDIT,              0, 100, .items = relation_fields, .key = "kind/taskId", .fallback = "[]"},
    {"timeZone",      TEXT,    MAY_EDIT | NULLABLE,   1, ZONE_NAME_MAX, .about = "in which the task recurs; set to the caller's with the rule"},
    {"recurrence",    NESTED,  MAY_EDIT | NULLABLE,   .items = recurrence_fields, .about = "needs a due date; completing the task creates the next one"},
    {"reminders",     OBJECTS, MAY_EDIT,              0, REMINDERS_MAX, .items = reminder_fields, .key = "id", .fallback = "[]", .about = "each has at or before; notifies the assignees, or the creator if there are none"},
    {"number",        INTEGER, 0,                     .about = "numbered 1, 2, 3 ... within the project"},
    {"position",      TEXT,    0,                     .about = "sorts the tasks of a project; changed by moving a task"},
    {"completedAt",   INSTANT, NULLABLE,              .couple = "status"},
    {"archivedAt",    INSTANT, NULLABLE},
    {"deletedAt",     INSTANT, NULLABLE},
    TASK_COUNTS_FIELDS,
    {"nextId",        REF,     NULLABLE,              .about = "the task that followed it in its series"},
    {"previousId",    REF,     NULLABLE,              .about = "the task that it followed"},
    {"dueKey",        ANY,     HIDDEN}, /* dueAt, dueDate or null: due.h */
    {"terms",         SLUGS,   HIDDEN}, /* search.c */
    {"state",         TEXT,    HIDDEN}, /* common/store/derived.h */
    {"armedAt",       ANY,     HIDDEN}, /* this and the next two: task_reminders.h */
    {"armedBy",       REF,     HIDDEN},
    {"remindAt",      INSTANT, HIDDEN},
    {"involvedIds",   REFS,    HIDDEN}, /* task_watchers.h */
    {"dropped",       NESTED,  VIRTUAL,               .items = task_dropped_fields, .about = "in the reply to a move to another project: what the task and its subtasks have lost"},
    {"archived",      FLAG,    MAY_EDIT | VIRTUAL,    .couple = "archivedAt", .about = "sets or clears archivedAt"},
    {NULL},
};

static const struct filter task_filters[] = {
    {"status",     "status",      TEXT,    EQUALS},
    {"priority",   "priority",    RANK,    EQUALS, priorities},
    {"assigneeId", "assigneeIds", REF,     EQUALS, .about = "a user's id, or me"},
    {"label",      "labelIds",    TEXT,    EQUALS},
    {"parentId",   "parentId",    REF,     EQUALS},
    {"dueBefore",  NULL,          TEXT,    CUSTOM, .about = "an instant, or a date: tasks due before it starts in the caller's time zone"},
    {"dueAfter",   NULL,          TEXT,    CUSTOM, .about = "an instant, or a date: tasks due at or after its start in the caller's time zone"},
    {"projectId",  NULL,          REF,     CUSTOM},
    {"overdue",    NULL,          FLAG,    CUSTOM, .about = "true for tasks not completed that were due before now, or on a day that has ended in the caller's time zone"},
    {"today",      NULL,          FLAG,    CUSTOM, .about = "true for tasks due today in the caller's time zone"},
    {"q",          NULL,          TEXT,    CUSTOM, .about = "words that the title and description, or one of the comments, must contain; the last one may be incomplete"},
    {"filter",     NULL,          TEXT,    CUSTOM, .about = "an expression, like: (priority >= high or due < today+3d) and not label = blocked and assignee = me"},
    {"filterId",   NULL,          REF,     CUSTOM, .about = "the id of a saved filter, whose order is the default"},
    {"archived",   NULL,          FLAG,    CUSTOM, .about = "true for archived items instead"},
    {"deleted",    NULL,          FLAG,    CUSTOM, .about = "true for items in the trash instead"},
    {NULL},
};
/* Each has its indexes in common/admin/store_indexes.c, by project and by assignee. */
static const struct order task_orders[] = {
    {"position",       {"position"}},
    {"createdAt",      {"createdAt"}},
    {"updatedAt",      {"updatedAt"}},
    {"dueAt",          {"dueKey", "priority"},   .due = true},
    {"dueAt,priority", {"dueKey", "priority"},   .due = true},
    {"-dueAt,priority",{"-dueKey", "priority"},  .due = true},
    {"priority",       {"priority"}},
    {"rank",           {"position"},             .ranked = true}, /* rank.c; without q by position */
    {NULL},
};
/* clang-format on */

const struct shape task_shape = {"Task", task_fields};
const struct shape checklist_item_shape = {"ChecklistItem", item_fields};
const struct shape checklist_add_shape = {"ChecklistAdd", item_add_fields};

/* Limits the list to the named project, or to all projects that the caller can see. */
static enum err
scope_project(struct request *r, bson_t *filter)
{
    const char *value = request_param(r, "projectId");
    bson_oid_t id;

    if (value == NULL)
        return read_access_visible(r, "projectId", filter);
    if (strlen(value) != ID_DIGITS || !bson_oid_is_valid(value, ID_DIGITS))
        return request_bad_param(r, "projectId", "must be an id of 24 hex digits");
    bson_oid_init_from_string(&id, value);
    BSON_APPEND_OID(filter, "projectId", &id);
    return read_access_project(r, &id, true);
}

/* The states of tasks in the list, if it is not about archived tasks or those in the trash. */
static bson_t *
living_states(const struct task_filter *f)
{
    struct doc_array states = {bson_new(), 0};

    if (f != NULL && f->names_archived && f->archived == EITHER)
        doc_array_add_text(&states, "archived");
    if (f == NULL || f->done != MUST_NOT)
        doc_array_add_text(&states, "done");
    if (f == NULL || f->done != MUST)
        doc_array_add_text(&states, "open");
    return states.bson;
}

bson_t *
tasks_untrashed(const bson_oid_t *project)
{
    return BCON_NEW("projectId", BCON_OID(project), "state", "{", "$in", "[", "archived", "done",
                    "open", "]", "}");
}

enum err
tasks_scope_state(struct request *r, bool overdue, bson_t *filter)
{
    bool archived, trashed, asked = request_param(r, "archived") != NULL;
    bson_t *living, *ever;
    enum err err;

    if ((err = request_flag(r, "archived", &archived)) != ERR_NONE ||
        (err = request_flag(r, "deleted", &trashed)) != ERR_NONE)
        return err;
    living = request_keep(r, living_states(r->filter));
    ever = request_keep(r, BCON_NEW("$ne", BCON_NULL));
    if (trashed)
        BSON_APPEND_UTF8(filter, "state", "trashed");
    else if (archived)
        BSON_APPEND_UTF8(filter, "state", "archived");
    else if (overdue)
        BSON_APPEND_UTF8(filter, "state", "open");
    else if (r->filter != NULL && r->filter->archived == MUST)
        BSON_APPEND_UTF8(filter, "state", "archived");
    else
        doc_in(filter, "state", living);
    /*
     * Tasks in the trash are shown whether they were archived before or not, unless ?archived= is
     * given.
     */
    if (trashed && archived)
        BSON_APPEND_DOCUMENT(filter, "archivedAt", ever);
    else if (trashed && asked)
        BSON_APPEND_NULL(filter, "archivedAt");
    if (overdue && (trashed || archived))
        BSON_APPEND_NULL(filter, "completedAt");
    return ERR_NONE;
}

/* The expression of ?filterId=, if it is given. */
static enum err
scope_saved_filter(struct request *r, const char **text)
{
    const char *value = request_param(r, "filterId");
    const bson_t *saved;
    bson_oid_t id;
    enum err err;

    if (value == NULL)
        return ERR_NONE;
    if (*text != NULL)
        return request_bad_param(r, "filterId", "cannot be combined with filter");
    if (strlen(value) != ID_DIGITS || !bson_oid_is_valid(value, ID_DIGITS))
        return request_bad_param(r, "filterId", "must be an id of 24 hex digits");
    bson_oid_init_from_string(&id, value);
    if ((err = request_fetch(r, STORE_FILTERS, &id, &saved)) != ERR_NONE)
        return err;
    if (r->bound != NULL || !bson_oid_equal(doc_id(saved, "userId"), &r->user_id))
        return ERR_NOT_FOUND;
    *text = doc_text(saved, "filter");
    r->sort = doc_text(saved, "sort");
    return ERR_NONE;
}

static enum err
scope_tasks(struct request *r, bson_t *filter)
{
    const char *q = request_param(r, "q"), *text = request_param(r, "filter");
    bool overdue;
    enum err err;

    if ((err = scope_saved_filter(r, &text)) != ERR_NONE ||
        (err = scope_project(r, filter)) != ERR_NONE || (err = due_read(r, &overdue)) != ERR_NONE ||
        (text != NULL && (err = task_filter_read(r, text, filter)) != ERR_NONE) ||
        (err = tasks_scope_state(r, overdue, filter)) != ERR_NONE)
        return err;
    return q == NULL ? ERR_NONE : search_filter(r, q, filter);
}

/*
 * Notifies users who are newly assigned, and the watchers of a new status; a series goes on or
 * back.
 */
static enum err
task_changed(struct request *r, struct change *change, const bson_t *before, const bson_t *after)
{
    const struct notification n = {"assigned", "assigneeIds", doc_id(after, "_id")};
    enum err err = notifications_add(r, change, &n, before, after);

    if (err == ERR_NONE && before != NULL)
        err = task_watchers_status(r, change, before, after);
    return err == ERR_NONE && before != NULL ? task_successor(r, change, before, after) : err;
}

static enum err
narrow_tasks(struct request *r, struct query *query)
{
    enum err err = search_narrow(r, query);

    if (err == ERR_NONE)
        task_filter_apply(r, query);
    if (query->order->ranked && request_param(r, "q") != NULL)
        query->find = rank_find;
    return err;
}

const struct list task_list = {STORE_TASKS, task_filters,           task_orders,
                               scope_tasks, .narrow = narrow_tasks, .warns = true};

const struct resource tasks = {
    .shape = &task_shape,
    .store = STORE_TASKS,
    .path = "/v1/tasks/",
    .change = ACTION_WRITE,
    .remove = ACTION_WRITE,
    .derive = derived_state,
    .count = task_counts_task,
    .created = EVENT_TASK_CREATED,
    .changed = EVENT_TASK_UPDATED,
    .removed = EVENT_TASK_DELETED,
    .restored = EVENT_TASK_RESTORED,
    .check = task_rules,
    .after = task_changed,
};

struct creation {
    struct request *r;
    const bson_t *body;
    bson_oid_t project;
};

/* Appends the fields of a new task that the server sets. */
static void
append_server_side(struct creation *c, struct change *change, bson_t *set)
{
    struct text key = {0};

    BSON_APPEND_OID(set, "projectId", &c->project);
    BSON_APPEND_INT64(set, "number", change_counter(change));
    order_key_last(&key, change_seq(change, 0));
    BSON_APPEND_UTF8(set, "position", key.bytes);
    BSON_APPEND_NULL(set, "completedAt");
    BSON_APPEND_NULL(set, "archivedAt");
    BSON_APPEND_NULL(set, "deletedAt");
    task_counts_start(set);
    BSON_APPEND_NULL(set, "nextId");
    BSON_APPEND_NULL(set, "previousId");
    text_free(&key);
}

static enum err
create_task(struct change *change, void *arg)
{
    struct creation *c = arg;
    struct request *r = c->r;
    const bson_t *project;
    bson_t *doc, *set = request_keep(r, bson_new());
    const struct entity_change e = {r, change, &tasks, 0};
    enum err err = project_access_living(r, &c->project, ACTION_WRITE, &project);

    if (err == ERR_NONE)
        err = quotas_check(r, QUOTA_PROJECT_TASKS, change_counter(change) - 1);
    if (err != ERR_NONE)
        return err;
    append_server_side(c, change, set);
    doc = entity_new(r, change_now(change));
    bson_concat(doc, c->body);
    return entity_create(&e, project, request_keep(r, doc_merge(doc, set)));
}

enum err
tasks_create(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    struct creation c = {.r = r, .body = body, .project = r->user_id};
    struct change_plan plan = {
        .topic_count = 1, .counter = true, .fn = create_task, .arg = &c, .batched = true};
    enum err err = doc_read(r, DOC_CREATE, task_fields, r->json, body);

    if (err != ERR_NONE)
        return err;
    if (doc_has(body, "projectId"))
        c.project = *doc_id(body, "projectId");
    plan.topics[0] = request_project_topic(r, &c.project);
    return request_change(r, &plan);
}
