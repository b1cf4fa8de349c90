/*
 * When reminders are due in which zone, and when a task must be looked at next.
 */
#include <stdio.h>
#include <string.h>

#include "api/v1/tasks/task_reminders.h"
#include "common/text/doc.h"
#include "common/time/clock.h"
#include "common/time/zone.h"
#include "tests/unit/unit.h"

static int64_t
instant(const char *text)
{
    int64_t at;

    if (!clock_read(text, strlen(text), &at))
        fail_msg("%s is no instant", text);
    return at;
}

/* A task as a row describes it; texts that begin with P are durations. */
struct task {
    const char *due;          /* an instant or a date; NULL: none */
    const char *reminders[3]; /* instants or durations */
    const char *completed, *assignee;
};

static void
append_reminder(bson_t *list, const char *key, const char *text)
{
    bson_t item;
    char id[4];

    snprintf(id, sizeof(id), "r%s", key);
    bson_append_document_begin(list, key, -1, &item);
    BSON_APPEND_UTF8(&item, "id", id);
    if (text[0] == 'P') {
        BSON_APPEND_NULL(&item, "at");
        BSON_APPEND_UTF8(&item, "before", text);
    } else {
        BSON_APPEND_DATE_TIME(&item, "at", instant(text));
        BSON_APPEND_NULL(&item, "before");
    }
    bson_append_document_end(list, &item);
}

static void
append_instant(bson_t *task, const char *name, const char *text)
{
    if (text == NULL)
        BSON_APPEND_NULL(task, name);
    else
        BSON_APPEND_DATE_TIME(task, name, instant(text));
}

static bson_t *
new_task(const struct task *t)
{
    static const char *const keys[] = {"0", "1", "2"};
    bool timed = t->due != NULL && strlen(t->due) > 10;
    bson_t *task = bson_new(), list;

    append_instant(task, "dueAt", timed ? t->due : NULL);
    if (t->due != NULL && !timed)
        BSON_APPEND_UTF8(task, "dueDate", t->due);
    else
        BSON_APPEND_NULL(task, "dueDate");
    append_instant(task, "completedAt", t->completed);
    BSON_APPEND_UTF8(task, "assigneeIds", t->assignee == NULL ? "" : t->assignee);
    BSON_APPEND_UTF8(task, "projectId", "p");
    BSON_APPEND_ARRAY_BEGIN(task, "reminders", &list);
    for (int i = 0; i < 3 && t->reminders[i] != NULL; i++)
        append_reminder(&list, keys[i], t->reminders[i]);
    bson_append_array_end(task, &list);
    return task;
}

/* --- Instants --------------------------------------------------------------------- */

static const struct {
    const char *reminder, *due, *zone, *at; /* at NULL: it has no time */
} instants[] = {
    {"2026-05-01T10:00:00Z", NULL, "Asia/Tokyo", "2026-05-01T10:00:00.000Z"},
    {"2026-05-01T10:00:00Z", "2026-06-01", "Asia/Tokyo", "2026-05-01T10:00:00.000Z"},
    {"PT30M", "2026-05-01T10:00:00Z", "Asia/Tokyo", "2026-05-01T09:30:00.000Z"},
    {"PT0S", "2026-05-01T10:00:00Z", "Asia/Tokyo", "2026-05-01T10:00:00.000Z"},
    {"PT30M", NULL, "UTC", NULL},
    {"PT0S", "2026-05-01", "UTC", "2026-05-01T09:00:00.000Z"},
    {"PT30M", "2026-05-01", "Europe/Berlin", "2026-05-01T06:30:00.000Z"},
    {"PT30M", "2026-05-01", "Asia/Tokyo", "2026-04-30T23:30:00.000Z"},
    {"PT30M", "2026-05-01", "America/New_York", "2026-05-01T12:30:00.000Z"},
    {"PT0S", "2026-05-01", "Pacific/Kiritimati", "2026-04-30T19:00:00.000Z"},
    {"PT0S", "2026-05-01", "Etc/GMT+12", "2026-05-01T21:00:00.000Z"},
    {"PT0S", "2026-05-01", "Asia/Kathmandu", "2026-05-01T03:15:00.000Z"},
    {"P1D", "2028-03-01", "UTC", "2028-02-29T09:00:00.000Z"},
    {"P1W", "2026-05-01", "UTC", "2026-04-24T09:00:00.000Z"},
    {"P1DT12H", "2026-05-01", "UTC", "2026-04-29T21:00:00.000Z"},
    /* A day before is at 09:00 too where clocks change, but 24 hours before an instant. */
    {"P1D", "2026-03-29", "Europe/Berlin", "2026-03-28T08:00:00.000Z"},
    {"PT0S", "2026-03-29", "Europe/Berlin", "2026-03-29T07:00:00.000Z"},
    {"PT24H", "2026-03-29", "Europe/Berlin", "2026-03-28T07:00:00.000Z"},
    {"P1D", "2026-03-29T07:00:00Z", "Europe/Berlin", "2026-03-28T07:00:00.000Z"},
    {"P1D", "2026-10-26", "Europe/Berlin", "2026-10-25T08:00:00.000Z"},
    {"PT0S", "2026-03-08", "America/New_York", "2026-03-08T13:00:00.000Z"},
    {"PT0S", "2026-11-01", "America/New_York", "2026-11-01T14:00:00.000Z"},
    {"PT0S", "2026-03-29", "Antarctica/Troll", "2026-03-29T07:00:00.000Z"}, /* by two hours */
    /* Apia had no 2011-12-30: its 09:00 is what clocks would have shown without the change. */
    {"PT0S", "2011-12-30", "Pacific/Apia", "2011-12-30T19:00:00.000Z"},
    {"PT0S", "2011-12-31", "Pacific/Apia", "2011-12-30T19:00:00.000Z"},
    {"PT0S", "2011-12-29", "Pacific/Apia", "2011-12-29T19:00:00.000Z"},
    {"PT0S", "0001-01-01", "UTC", "0001-01-01T09:00:00.000Z"},
    {"PT0S", "9999-12-31", "UTC", "9999-12-31T09:00:00.000Z"},
};

static void
test_instants(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(instants); i++) {
        struct task_reminder_texts texts;
        struct task_reminder reminders[REMINDERS_MAX];
        char text[CLOCK_INSTANT] = "";
        bson_t *task =
            new_task(&(struct task){.due = instants[i].due, .reminders = {instants[i].reminder}});
        int count = task_reminders_read(task, &texts, reminders);
        int64_t at = 0;

        if (count == 1) {
            at = task_reminder_at(&reminders[0], zone_find(instants[i].zone));
            clock_write(text, at);
            if (at < task_reminder_first(&reminders[0]) || at > task_reminder_last(&reminders[0]))
                unit_wrong("%s is not between the first and the last instant", text);
        }
        if (!unit_same(count == 1 ? text : NULL, instants[i].at))
            unit_wrong("%s %s %s: %s", instants[i].reminder, instants[i].due, instants[i].zone,
                       text);
        bson_destroy(task);
    }
    unit_rows_done();
}

/* --- The next look ------------------------------------------------------------------ */

#define NOW     "2026-05-10T12:00:00Z"
#define SOON    "2026-05-10T13:00:00Z"
#define LATER   "2026-05-10T18:00:00Z"
#define PAST    "2026-05-10T11:00:00Z"
#define JUST    "2026-05-10T11:58:00Z" /* within the grace */
#define LONG    "2026-05-01T00:00:00Z"
#define KEEPS   "-"    /* remindAt does not change */
#define NOTHING "none" /* it becomes null */

static const struct {
    struct task before; /* set at PAST; without reminders: there was none */
    const char *look;   /* its remindAt; NULL: null */
    struct task after;
    const char *next, *armed; /* armed: for each reminder n (now) or o (as it was) */
} looks[] = {
    /* New tasks. */
    {{0}, NULL, {.due = NULL}, KEEPS, ""},
    {{0}, NULL, {.reminders = {SOON, LATER}}, SOON, "nn"},
    {{0}, NULL, {.reminders = {LATER, SOON}}, SOON, "nn"},
    {{0}, NULL, {.reminders = {PAST}}, NOTHING, "n"},
    {{0}, NULL, {.reminders = {JUST}}, NOW, "n"},
    {{0}, NULL, {.reminders = {"PT1H"}}, NOTHING, "n"},
    {{0}, NULL, {.due = LATER, .reminders = {"PT5H"}}, SOON, "n"},
    {{0}, NULL, {.due = SOON, .reminders = {"P1D"}}, NOTHING, "n"},
    /* The earliest zone's 09:00, or now if it is between the first and the last zone's. */
    {{0}, NULL, {.due = "2026-05-20", .reminders = {"PT0S"}}, "2026-05-19T19:00:00Z", "n"},
    {{0}, NULL, {.due = "2026-05-10", .reminders = {"PT0S"}}, NOW, "n"},
    {{0}, NULL, {.due = "2026-05-11", .reminders = {"PT0S"}}, "2026-05-10T19:00:00Z", "n"},
    {{0}, NULL, {.due = "2026-05-11", .reminders = {"P1D"}}, NOW, "n"},
    {{0}, NULL, {.due = "2026-05-09", .reminders = {"PT0S"}}, NOTHING, "n"},
    /* A change of something else. */
    {{.reminders = {SOON}}, SOON, {.reminders = {SOON}}, KEEPS, ""},
    {{.reminders = {SOON}}, SOON, {.reminders = {SOON}, .completed = NOW}, KEEPS, ""},
    /* Of the list. */
    {{.reminders = {SOON}}, SOON, {.reminders = {LATER}}, LATER, "n"},
    {{.reminders = {LATER}}, LATER, {.reminders = {LATER, SOON}}, SOON, "on"},
    {{.reminders = {SOON, LATER}}, SOON, {.reminders = {SOON}}, SOON, "o"},
    {{.reminders = {SOON}}, SOON, {.due = NULL}, NOTHING, ""},
    /* What was due, and has been dealt with, stays so. */
    {{.reminders = {JUST}}, NULL, {.reminders = {JUST, SOON}}, SOON, "on"},
    /* What has not been dealt with yet still is to be. */
    {{.reminders = {JUST}}, JUST, {.reminders = {JUST, SOON}}, JUST, "on"},
    /* The due date re-arms those before it, and no others. */
    {{.due = SOON, .reminders = {"PT1H", SOON}},
     SOON,
     {.due = LATER, .reminders = {"PT1H", SOON}},
     SOON,
     "no"},
    {{.due = SOON, .reminders = {"PT0S"}}, SOON, {.due = LATER, .reminders = {"PT0S"}}, LATER, "n"},
    {{.due = SOON, .reminders = {"PT0S"}},
     SOON,
     {.due = "2026-06-01", .reminders = {"PT0S"}},
     "2026-05-31T19:00:00Z",
     "n"},
    {{.due = LATER, .reminders = {"PT0S"}},
     LATER,
     {.due = NULL, .reminders = {"PT0S"}},
     NOTHING,
     "n"},
    /* Other assignees may have other zones. */
    {{.due = "2026-05-10", .reminders = {"PT0S"}},
     LATER,
     {.due = "2026-05-10", .reminders = {"PT0S"}, .assignee = "b"},
     NOW,
     "o"},
    {{.reminders = {JUST}}, NULL, {.reminders = {JUST}, .assignee = "b"}, NOTHING, "o"},
    /* Taken up again: what has passed in between is not sent. */
    {{.reminders = {PAST, SOON}, .completed = LONG}, SOON, {.reminders = {PAST, SOON}}, SOON, "nn"},
};

static bson_t *
new_before(size_t i)
{
    static const char *const keys[] = {"0", "1", "2"};
    bson_t *task = new_task(&looks[i].before), list;

    BSON_APPEND_ARRAY_BEGIN(task, "armedAt", &list);
    for (int k = 0; k < 3 && looks[i].before.reminders[k] != NULL; k++)
        bson_append_date_time(&list, keys[k], -1, instant(LONG));
    bson_append_array_end(task, &list);
    append_instant(task, "remindAt", looks[i].look);
    return task;
}

/* Writes KEEPS, NOTHING or an instant. */
static void
write_next(const bson_t *set, char out[CLOCK_INSTANT])
{
    int64_t at;

    if (!bson_has_field(set, "remindAt"))
        strcpy(out, KEEPS);
    else if (!doc_time(set, "remindAt", &at))
        strcpy(out, NOTHING);
    else
        clock_write(out, at);
}

static void
write_armed(const bson_t *set, char out[4])
{
    bson_iter_t iter, list;

    if (bson_iter_init_find(&iter, set, "armedAt") && bson_iter_recurse(&iter, &list))
        while (bson_iter_next(&list))
            *out++ = bson_iter_date_time(&list) == instant(NOW)    ? 'n'
                     : bson_iter_date_time(&list) == instant(LONG) ? 'o'
                                                                   : '?';
    *out = '\0';
}

static const bson_oid_t somebody;

static void
test_looks(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(looks); i++) {
        bson_t *before = looks[i].before.reminders[0] == NULL ? NULL : new_before(i);
        bson_t *after = new_task(&looks[i].after), set = BSON_INITIALIZER;
        char next[CLOCK_INSTANT], armed[4], wanted[CLOCK_INSTANT];

        task_reminders_arm(before, after, &(struct task_arming){instant(NOW), &somebody}, &set);
        write_next(&set, next);
        write_armed(&set, armed);
        strcpy(wanted, looks[i].next);
        if (strlen(wanted) > 10)
            clock_write(wanted, instant(looks[i].next));
        if (strcmp(next, wanted) != 0 || strcmp(armed, looks[i].armed) != 0)
            unit_wrong("row %zu: %s %s instead of %s %s", i, next, armed, wanted, looks[i].armed);
        bson_destroy(&set);
        bson_destroy(after);
        bson_destroy(before);
    }
    unit_rows_done();
}

static void
test_a_copy_has_those_before_the_due_date(void **state)
{
    bson_t *task = new_task(&(struct task){.due = SOON, .reminders = {SOON, "PT1H", "P1D"}});
    bson_t set = BSON_INITIALIZER, none = BSON_INITIALIZER;
    char *json;

    (void)state;
    task_reminders_copy(task, &set);
    json = bson_as_relaxed_extended_json(&set, NULL);
    assert_string_equal(
        json, "{ \"reminders\" : [ { \"id\" : \"r1\", \"at\" : null, \"before\" : \"PT1H\" }, "
              "{ \"id\" : \"r2\", \"at\" : null, \"before\" : \"P1D\" } ] }");
    bson_free(json);
    bson_destroy(task);
    task = new_task(&(struct task){.due = SOON});
    task_reminders_copy(task, &none);
    assert_true(bson_empty(&none));
    bson_destroy(task);
    bson_destroy(&set);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instants),
        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_a_copy_has_those_before_the_due_date),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
