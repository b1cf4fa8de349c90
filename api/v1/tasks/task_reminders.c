/*
 * A day of `before` is one of the calendar if it is counted from a day, and 24 hours if it is
 * counted from an instant.
 */
#include "api/v1/tasks/task_reminders.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/change/change.h"
#include "common/time/civil.h"
#include "common/time/clock.h"
#include "common/time/duration.h"
#include "common/time/zone.h"

#define HOUR_MS   3600000LL
#define HOUR      9              /* of a due date */
#define EAST_MS   (14 * HOUR_MS) /* Pacific/Kiritimati has the earliest days, */
#define WEST_MS   (12 * HOUR_MS) /* Etc/GMT+12 the latest */
#define WINDOW_MS (EAST_MS + WEST_MS)

/* --- Stored reminders ------------------------------------------------------------- */

/* The document at an iterator over a list. */
static bool
item_at(const bson_iter_t *list, bson_t *out)
{
    const uint8_t *bytes;
    uint32_t len;

    if (!BSON_ITER_HOLDS_DOCUMENT(list))
        return false;
    bson_iter_document(list, &len, &bytes);
    return bson_init_static(out, bytes, len);
}

static bool
begin(const bson_t *task, bson_iter_t *list)
{
    bson_iter_t iter;

    return bson_iter_init_find(&iter, task, "reminders") && BSON_ITER_HOLDS_ARRAY(&iter) &&
           bson_iter_recurse(&iter, list);
}

/* The n-th of the instants in armedAt; 0: unknown, so nothing has passed. */
static int64_t
armed_at(const bson_t *task, const char *n)
{
    bson_iter_t iter, list;

    return bson_iter_init_find(&iter, task, "armedAt") && bson_iter_recurse(&iter, &list) &&
                   bson_iter_find(&list, n) && BSON_ITER_HOLDS_DATE_TIME(&list)
               ? bson_iter_date_time(&list)
               : 0;
}

/* Sets the time of a reminder before the due date; false: there is none. */
static bool
read_before(const bson_t *task, struct task_reminder *r, char due[24])
{
    const char *date = doc_text(task, "dueDate");
    struct duration before;

    if (!duration_read(r->value, &before))
        return false;
    if (doc_time(task, "dueAt", &r->at)) {
        snprintf(due, 24, "%" PRId64, r->at);
        r->at -= before.days * CIVIL_DAY_MS + before.ms;
    } else if (date != NULL && clock_read_date(date, strlen(date), &r->at)) {
        snprintf(due, 24, "%.10s", date);
        r->local = true;
        r->at += HOUR * HOUR_MS - before.days * CIVIL_DAY_MS;
        r->sooner = before.ms;
    } else {
        return false;
    }
    r->due = due;
    return true;
}

int
task_reminders_read(const bson_t *task, struct task_reminder_texts *texts,
                    struct task_reminder out[REMINDERS_MAX])
{
    bson_iter_t list;
    int count = 0;

    if (!begin(task, &list))
        return 0;
    while (count < REMINDERS_MAX && bson_iter_next(&list)) {
        struct task_reminder *r = &out[count];
        bson_t item;

        *r = (struct task_reminder){.armedAt = armed_at(task, bson_iter_key(&list))};
        if (!item_at(&list, &item) || (r->id = doc_text(&item, "id")) == NULL)
            continue;
        if (doc_time(&item, "at", &r->at)) {
            snprintf(texts->at[count], sizeof(texts->at[count]), "%" PRId64, r->at);
            r->value = texts->at[count];
        } else if ((r->value = doc_text(&item, "before")) == NULL ||
                   !read_before(task, r, texts->due)) {
            continue;
        }
        count++;
    }
    return count;
}

int64_t
task_reminder_at(const struct task_reminder *r, const struct zone *zone)
{
    return r->local ? zone_instant(zone, r->at) - r->sooner : r->at;
}

int64_t
task_reminder_first(const struct task_reminder *r)
{
    return r->local ? r->at - r->sooner - EAST_MS : r->at;
}

int64_t
task_reminder_last(const struct task_reminder *r)
{
    return r->local ? r->at - r->sooner + WEST_MS : r->at;
}

bool
task_reminder_passed(const struct task_reminder *r, int64_t at)
{
    return at < r->armedAt - REMINDER_GRACE_MS;
}

/* --- The hidden fields --------------------------------------------------------------- */

static bool
is_open(const bson_t *task)
{
    return !doc_has(task, "completedAt") && !doc_has(task, "archivedAt") &&
           !doc_has(task, "deletedAt");
}

/* Is a list missing or empty? */
static bool
has_none(const bson_t *task)
{
    bson_iter_t list;

    return !begin(task, &list) || !bson_iter_next(&list);
}

/* What a change of a task does to its reminders. */
struct arming {
    const bson_t *before, *task;
    int64_t now;
    bool redated, reopened;
};

/* The instant at which an unchanged reminder was set; false: it is set now. */
static bool
was_armed(const struct arming *a, const bson_iter_t *item, int64_t *at)
{
    bson_t reminder, old;
    bson_iter_t list;

    if (a->before == NULL || a->reopened || !item_at(item, &reminder) || !begin(a->before, &list) ||
        (a->redated && doc_has(&reminder, "before")))
        return false;
    while (bson_iter_next(&list))
        if (item_at(&list, &old) && bson_equal(&old, &reminder)) {
            *at = armed_at(a->before, bson_iter_key(&list));
            return true;
        }
    return false;
}

static void
append_armed(const struct arming *a, bson_t *set)
{
    bson_iter_t list;
    bson_t armed;

    BSON_APPEND_ARRAY_BEGIN(set, "armedAt", &armed);
    if (begin(a->task, &list))
        while (bson_iter_next(&list)) {
            int64_t at = a->now;

            (void)was_armed(a, &list, &at);
            bson_append_date_time(&armed, bson_iter_key(&list), -1, at);
        }
    bson_append_array_end(set, &armed);
}

/*
 * The instant at which somebody must look at the task: the earliest one of a reminder that is still
 * to come, or now if one is due somewhere; false: there is none.
 */
static bool
next_look(const struct arming *a, const bson_t *armed, int64_t *next)
{
    struct task_reminder_texts texts;
    struct task_reminder reminders[REMINDERS_MAX];
    bson_t *task = doc_merge(a->task, armed);
    int count = task_reminders_read(task, &texts, reminders);
    int64_t pending;

    *next = INT64_MAX;
    for (int i = 0; i < count; i++) {
        const struct task_reminder *r = &reminders[i];
        int64_t first = task_reminder_first(r), last = task_reminder_last(r);
        int64_t look = first > a->now ? first : a->now;

        if (last < a->now && (r->armedAt != a->now || task_reminder_passed(r, last)))
            continue; /* it has been dealt with, or never will be */
        if (look < *next)
            *next = look;
    }
    /* What has become due is still to be dealt with. */
    if (a->before != NULL && doc_time(a->before, "remindAt", &pending) && pending <= a->now)
        *next = pending;
    bson_destroy(task);
    return *next != INT64_MAX;
}

/* Does the change touch what the hidden fields depend on? */
static bool
matters(const struct arming *a)
{
    static const char *const names[] = {"reminders", "assigneeIds", "projectId"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (doc_differs(a->before, a->task, names[i]))
            return true;
    return a->redated || a->reopened;
}

void
task_reminders_arm(const bson_t *before, const bson_t *task, const struct task_arming *arming,
                   bson_t *set)
{
    struct arming a = {before, task, arming->now, false, false};
    bool none = has_none(task);
    bson_t armed = BSON_INITIALIZER;
    int64_t next;

    if (none && (before == NULL || has_none(before)))
        return;
    if (before != NULL) {
        a.redated = doc_differs(before, task, "dueAt") || doc_differs(before, task, "dueDate");
        a.reopened = !is_open(before) && is_open(task);
        if (!matters(&a))
            return;
    }
    append_armed(&a, &armed);
    bson_concat(set, &armed);
    BSON_APPEND_OID(set, "armedBy", arming->by);
    if (!none && next_look(&a, &armed, &next))
        BSON_APPEND_DATE_TIME(set, "remindAt", next);
    else
        BSON_APPEND_NULL(set, "remindAt");
    bson_destroy(&armed);
}

void
task_reminders_copy(const bson_t *task, bson_t *set)
{
    bson_t kept, item;
    struct doc_array array = {&kept, 0};
    bson_iter_t list;

    if (has_none(task))
        return;
    BSON_APPEND_ARRAY_BEGIN(set, "reminders", &kept);
    if (begin(task, &list))
        while (bson_iter_next(&list))
            if (item_at(&list, &item) && doc_has(&item, "before"))
                doc_array_add_value(&array, &list);
    bson_append_array_end(set, &kept);
}

/* --- Rules ------------------------------------------------------------------------------ */

static void
complain(const struct entity_rules *u, const char *n, const char *member, const char *code,
         const char *detail)
{
    request_complain(u->r, arena_printf(u->r->arena, "/reminders/%s%s", n, member), code, "%s",
                     detail);
}

/* Complains about a reminder's members; false if they have no meaning. */
static bool
check_members(const struct entity_rules *u, const char *n, const bson_t *item)
{
    const char *before = doc_text(item, "before");
    bool timed = doc_has(item, "at");
    struct duration d;

    if (timed && before != NULL)
        complain(u, n, "/before", "exclusive", "cannot be combined with at");
    else if (!timed && before == NULL)
        complain(u, n, "/at", "required", "either at or before is required");
    else if (before != NULL && !duration_read(before, &d))
        complain(u, n, "/before", "format",
                 "must be a duration of weeks, or of days, hours, minutes and seconds, like PT30M, "
                 "P1D or P2W");
    else if (before != NULL && d.days * CIVIL_DAY_MS + d.ms > REMINDER_BEFORE_DAYS * CIVIL_DAY_MS)
        request_complain(u->r, arena_printf(u->r->arena, "/reminders/%s/before", n), "range",
                         "must be at most %d days", REMINDER_BEFORE_DAYS);
    else
        return true;
    return false;
}

/* Are two valid reminders for the same time? */
static bool
is_same_time(const bson_t *a, const bson_t *b)
{
    struct duration x, y;
    int64_t at, other;

    if (doc_time(a, "at", &at) || doc_time(b, "at", &other))
        return doc_time(a, "at", &at) && doc_time(b, "at", &other) && at == other;
    return duration_read(doc_text(a, "before"), &x) && duration_read(doc_text(b, "before"), &y) &&
           x.days * CIVIL_DAY_MS + x.ms == y.days * CIVIL_DAY_MS + y.ms;
}

static void
check_reminders(const struct entity_rules *u)
{
    bson_iter_t list;
    bson_t items[REMINDERS_MAX];
    int count = 0;

    if (!begin(u->after, &list))
        return;
    while (count < REMINDERS_MAX && bson_iter_next(&list)) {
        if (!item_at(&list, &items[count]) ||
            !check_members(u, bson_iter_key(&list), &items[count]))
            continue;
        for (int i = 0; i < count; i++)
            if (is_same_time(&items[i], &items[count])) {
                complain(u, bson_iter_key(&list), "", "duplicate",
                         "is for the same time as another reminder");
                break;
            }
        count++;
    }
}

void
task_reminders_rules(const struct entity_rules *u)
{
    const bson_t *task;

    if (has_none(u->after) && (u->before == NULL || has_none(u->before)))
        return;
    if (u->before == NULL || doc_differs(u->before, u->after, "reminders"))
        check_reminders(u);
    task = request_keep(u->r, doc_merge(u->after, u->extra));
    task_reminders_arm(u->before, task,
                       &(struct task_arming){change_now(u->change), &u->r->user_id}, u->extra);
}

/* --- Time zones --------------------------------------------------------------------------- */

enum err
task_reminders_rezone(struct request *r, struct change *change, const bson_oid_t *user)
{
    static const char *const recipients[] = {"assigneeIds", "createdBy"};
    int64_t now = change_now(change);
    bson_t *look = request_keep(r, BCON_NEW("$set", "{", "remindAt", BCON_DATE_TIME(now), "}"));
    enum err err = ERR_NONE;

    for (int i = 0; err == ERR_NONE && i < 2; i++) {
        bson_t *filter = request_keep(r, BCON_NEW(recipients[i], BCON_OID(user), "remindAt", "{",
                                                  "$gt", BCON_DATE_TIME(now), "$lte",
                                                  BCON_DATE_TIME(now + WINDOW_MS), "}"));

        err = store_update_many(change_store(change), STORE_TASKS, filter, look, NULL);
    }
    return err;
}
