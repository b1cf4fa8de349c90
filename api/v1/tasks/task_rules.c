/*
 * Rules between a task's fields, and derived fields.
 */
#include "api/v1/tasks/tasks.h"

#include <string.h>

#include "api/access/access.h"
#include "api/crud/due.h"
#include "api/crud/entity.h"
#include "api/crud/items.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/tasks/project_statuses.h"
#include "api/v1/tasks/task_recurrence.h"
#include "api/v1/tasks/task_reminders.h"
#include "common/store/derived.h"
#include "common/time/clock.h"
#include "common/time/zone.h"

/* Did this change modify the field? */
static bool
touched(const struct entity_rules *u, const char *name)
{
    return u->before == NULL || doc_differs(u->before, u->after, name);
}

/* Setting one clears the other; setting both at once is an error. */
static void
one_of(const struct entity_rules *u, const char *instant, const char *date)
{
    if (!doc_has(u->after, instant) || !doc_has(u->after, date))
        return;
    if (u->before != NULL && touched(u, instant) && !touched(u, date))
        BSON_APPEND_NULL(u->extra, date);
    else if (u->before != NULL && touched(u, date) && !touched(u, instant))
        BSON_APPEND_NULL(u->extra, instant);
    else
        request_complain(u->r, arena_printf(u->r->arena, "/%s", date), "exclusive",
                         "cannot be combined with %s", instant);
}

/* A pair of fields as it will be stored: an instant, a date, or neither. */
struct moment {
    bool timed;
    int64_t at;
    const char *date;
};

static struct moment
moment_of(const struct entity_rules *u, const char *instant, const char *date)
{
    struct moment m = {.date = doc_text(u->after, date)};
    bson_iter_t cleared;

    m.timed = !doc_find(u->extra, instant, &cleared) && doc_time(u->after, instant, &m.at);
    if (m.timed || doc_find(u->extra, date, &cleared))
        m.date = NULL;
    return m;
}

/*
 * Is a start after a due time?  A date lasts from its first to its last instant in the caller's
 * time zone.
 */
static enum err
is_after(const struct entity_rules *u, const struct moment *start, const struct moment *due,
         bool *after)
{
    const struct zone *zone;
    char date[CLOCK_DATE];
    enum err err = ERR_NONE;

    *after = false;
    if (start->timed && due->timed) {
        *after = start->at > due->at;
    } else if (start->date != NULL && due->date != NULL) {
        *after = strcmp(start->date, due->date) > 0;
    } else if ((start->timed || start->date != NULL) && (due->timed || due->date != NULL) &&
               (err = due_zone(u->r, &zone)) == ERR_NONE) {
        zone_date(zone, start->timed ? start->at : due->at, date);
        *after = start->timed ? strcmp(date, due->date) > 0 : strcmp(start->date, date) > 0;
    }
    return err;
}

static enum err
check_times(const struct entity_rules *u)
{
    struct moment start, due;
    bool after = false;
    enum err err = ERR_NONE;

    one_of(u, "startAt", "startDate");
    one_of(u, "dueAt", "dueDate");
    start = moment_of(u, "startAt", "startDate");
    due = moment_of(u, "dueAt", "dueDate");
    /*
     * A date set in another time zone may be over in the caller's: complain only to the user who
     * sets it.
     */
    if (touched(u, "startAt") || touched(u, "startDate") || touched(u, "dueAt") ||
        touched(u, "dueDate"))
        err = is_after(u, &start, &due, &after);
    if (after)
        request_complain(u->r, start.timed ? "/startAt" : "/startDate", "order",
                         "must not be after the due time");
    derived_due_key(due.timed ? &due.at : NULL, due.date, u->extra);
    return err;
}

static void
check_status(const struct entity_rules *u)
{
    const char *status = doc_text(u->after, "status");
    char kind;

    if (strcmp(status, "-") == 0) { /* not given, or reset */
        status = project_statuses_first(u->project);
        BSON_APPEND_UTF8(u->extra, "status", status);
    }
    kind = project_statuses_kind(u->project, status);
    if (kind == '\0' && !touched(u, "status"))
        return; /* the project no longer has it */
    if (kind == '\0')
        request_complain(u->r, "/status", "choice", "must be one of the project's statuses");
    else if (kind != 'd' && doc_has(u->after, "completedAt"))
        BSON_APPEND_NULL(u->extra, "completedAt");
    else if (kind == 'd' && !doc_has(u->after, "completedAt"))
        BSON_APPEND_DATE_TIME(u->extra, "completedAt", change_now(u->change));
}

/*
 * The next item that this change adds to a list; items that have become invalid since they were
 * added are not checked.
 */
static bool
next_added(const struct entity_rules *u, const char *name, bson_iter_t *list)
{
    while (bson_iter_next(list))
        if (!doc_list_has(u->before, name, list))
            return true;
    return false;
}

/* Only members can be assigned, even in a project that is open to everyone. */
static void
check_assignees(const struct entity_rules *u)
{
    bson_iter_t iter, list;

    if (!touched(u, "assigneeIds") || !doc_find(u->after, "assigneeIds", &iter) ||
        !bson_iter_recurse(&iter, &list))
        return;
    while (next_added(u, "assigneeIds", &list))
        if (access_member(u->project, bson_iter_oid(&list)) == ROLE_NONE)
            request_complain(u->r,
                             arena_printf(u->r->arena, "/assigneeIds/%s", bson_iter_key(&list)),
                             "not-member", "must be a member of the project");
}

static void
check_labels(const struct entity_rules *u)
{
    bson_iter_t iter, list;

    if (!touched(u, "labelIds") || !doc_find(u->after, "labelIds", &iter) ||
        !bson_iter_recurse(&iter, &list))
        return;
    while (next_added(u, "labelIds", &list))
        if (!project_statuses_label(u->project, bson_iter_utf8(&list, NULL)))
            request_complain(u->r, arena_printf(u->r->arena, "/labelIds/%s", bson_iter_key(&list)),
                             "not-found", "must be one of the project's labels");
}

/* Another task of the same project that is not in the trash; complains otherwise. */
static enum err
check_other(const struct entity_rules *u, const bson_oid_t *id, const char *pointer,
            const bson_t **out)
{
    enum err err = request_fetch(u->r, STORE_TASKS, id, out);

    if (err == ERR_NONE && !bson_oid_equal(id, doc_id(u->after, "_id")) &&
        bson_oid_equal(doc_id(*out, "projectId"), doc_id(u->after, "projectId")) &&
        !doc_has(*out, "deletedAt"))
        return ERR_NONE;
    if (err != ERR_NONE && err != ERR_NOT_FOUND)
        return err;
    *out = NULL;
    request_complain(u->r, pointer, "not-found", "must be another task of the same project");
    return ERR_NONE;
}

/* Subtasks have one level: a parent has no parent, and a subtask has no subtasks. */
static enum err
check_parent(const struct entity_rules *u)
{
    const bson_oid_t *id = doc_id(u->after, "parentId");
    const bson_t *parent;
    bson_t *filter, *child;
    enum err err;

    if (id == NULL || !touched(u, "parentId"))
        return ERR_NONE;
    if ((err = check_other(u, id, "/parentId", &parent)) != ERR_NONE || parent == NULL)
        return err;
    if (doc_has(parent, "parentId"))
        request_complain(u->r, "/parentId", "nested", "must not be a subtask");
    if (u->before == NULL)
        return ERR_NONE;
    filter = BCON_NEW("parentId", BCON_OID(doc_id(u->after, "_id")), "deletedAt", BCON_NULL);
    err = store_get(change_store(u->change), STORE_TASKS, filter, NULL, &child);
    bson_destroy(filter);
    if (err == ERR_NONE) {
        bson_destroy(child);
        request_complain(u->r, "/parentId", "nested", "must be null because the task has subtasks");
    }
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

static enum err
check_relations(const struct entity_rules *u)
{
    bson_iter_t iter, list, id;
    enum err err = ERR_NONE;

    if (!touched(u, "relations") || !doc_find(u->after, "relations", &iter) ||
        !bson_iter_recurse(&iter, &list))
        return ERR_NONE;
    while (err == ERR_NONE && next_added(u, "relations", &list)) {
        const bson_t *other;

        if (bson_iter_recurse(&list, &id) && bson_iter_find(&id, "taskId"))
            err = check_other(
                u, bson_iter_oid(&id),
                arena_printf(u->r->arena, "/relations/%s/taskId", bson_iter_key(&list)), &other);
    }
    return err;
}

enum err
task_rules(const struct entity_rules *u)
{
    enum err err;

    if ((err = check_times(u)) != ERR_NONE)
        return err;
    check_status(u);
    check_labels(u);
    check_assignees(u);
    items_check_keys(u, doc_field(task_fields, "checklist"));
    items_check_keys(u, doc_field(task_fields, "relations"));
    items_check_keys(u, doc_field(task_fields, "reminders"));
    if ((err = check_parent(u)) != ERR_NONE || (err = check_relations(u)) != ERR_NONE)
        return err;
    if (touched(u, "title") || touched(u, "description"))
        derived_terms(doc_text(u->after, "title"), doc_text(u->after, "description"), u->extra);
    entity_rule_archived(u);
    if ((err = task_recurrence_rules(u)) == ERR_NONE)
        task_reminders_rules(u);
    return err;
}

void
task_rules_keep_assignees(const bson_t *project, const bson_t *task, bson_t *set)
{
    bson_t kept;
    struct doc_array array = {&kept, 0};
    bson_iter_t iter, list;

    BSON_APPEND_ARRAY_BEGIN(set, "assigneeIds", &kept);
    if (doc_find(task, "assigneeIds", &iter) && bson_iter_recurse(&iter, &list))
        while (bson_iter_next(&list))
            if (access_member(project, bson_iter_oid(&list)) != ROLE_NONE)
                doc_array_add_id(&array, bson_iter_oid(&list));
    bson_append_array_end(set, &kept);
}
