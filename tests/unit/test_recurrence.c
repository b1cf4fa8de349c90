/*
 * Rules that are refused, and series in time zones.  test_recurrence_dates.py compares thousands of
 * rules with another library.
 */
#include "common/time/recurrence.h"

#include <string.h>
#include <time.h>

#include "common/text/text.h"
#include "common/time/civil.h"
#include "common/time/zone.h"
#include "tests/unit/unit.h"

#define CPU_MS 200 /* what one rule may cost, with sanitizers on a busy machine */

static struct due
due_of(const struct zone *zone, const char *text)
{
    struct due due = {0};
    int64_t at;

    if (strlen(text) == CLOCK_DATE - 1)
        assert_true(recurrence_date(text, &due));
    else
        assert_true(clock_read(text, strlen(text), &at) && recurrence_instant(zone, at, &due));
    return due;
}

static struct series
series_of(const char *zone, const char *start, const char *rule)
{
    struct series s = {.zone = zone_find(zone)};
    const char *wrong = rrule_read(rule, &s.rule);

    if (wrong != NULL)
        fail_msg("%s %s", rule, wrong);
    s.start = due_of(s.zone, start);
    return s;
}

static bool
write_date(void *arg, const struct due *date)
{
    char text[CLOCK_INSTANT];

    clock_write(text, date->timed ? date->at : date->day * CIVIL_DAY_MS);
    text_printf(arg, "%.*s ", date->timed ? 16 : 10, text);
    return false;
}

static const char *const refused_rules[] = {
    "",
    "FREQ",
    "FREQ=",
    "FREQ=SECONDLY",
    "FREQ=MINUTELY",
    "FREQ=HOURLY",
    "FREQ=FORTNIGHTLY",
    "INTERVAL=2",
    "FREQ=DAILY;",
    ";FREQ=DAILY",
    "FREQ=DAILY;;COUNT=1",
    "FREQ=DAILY FREQ=DAILY",
    "RRULE:FREQ=DAILY",
    "FREQ=DAILY;FREQ=WEEKLY",
    "FREQ=DAILY;INTERVAL=0",
    "FREQ=DAILY;INTERVAL=-1",
    "FREQ=DAILY;INTERVAL=1001",
    "FREQ=DAILY;INTERVAL=65537",
    "FREQ=DAILY;INTERVAL=99999999999999999999",
    "FREQ=DAILY;INTERVAL=1.5",
    "FREQ=DAILY;COUNT=0",
    "FREQ=DAILY;COUNT=1001",
    "FREQ=DAILY;COUNT=1000000",
    "FREQ=DAILY;COUNT=2;UNTIL=20300101",
    "FREQ=DAILY;UNTIL=2030",
    "FREQ=DAILY;UNTIL=20300230",
    "FREQ=DAILY;UNTIL=20301301",
    "FREQ=DAILY;UNTIL=20300101T250000Z",
    "FREQ=DAILY;UNTIL=20300101T2500",
    "FREQ=DAILY;UNTIL=2030-01-01",
    "FREQ=DAILY;BYDAY=1MO",
    "FREQ=WEEKLY;BYDAY=1MO",
    "FREQ=WEEKLY;BYMONTHDAY=1",
    "FREQ=MONTHLY;BYDAY=6MO",
    "FREQ=MONTHLY;BYDAY=0MO",
    "FREQ=MONTHLY;BYDAY=XX",
    "FREQ=MONTHLY;BYDAY=",
    "FREQ=MONTHLY;BYDAY=MO,",
    "FREQ=YEARLY;BYDAY=54MO",
    "FREQ=YEARLY;BYMONTH=3;BYDAY=6MO",
    "FREQ=YEARLY;BYMONTH=13",
    "FREQ=YEARLY;BYMONTH=0",
    "FREQ=MONTHLY;BYMONTHDAY=32",
    "FREQ=MONTHLY;BYMONTHDAY=0",
    "FREQ=MONTHLY;BYSETPOS=1",
    "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0",
    "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=367",
    "FREQ=DAILY;BYHOUR=9",
    "FREQ=YEARLY;BYWEEKNO=1",
    "FREQ=YEARLY;BYYEARDAY=1",
    "FREQ=YEARLY;WKST=XX",
    "FREQ=YEARLY;X-NAME=1",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=YEARLY;BYMONTH=4,6;BYMONTHDAY=31,-31",
};

static void
test_refused_rules(void **state)
{
    struct rrule rule;

    (void)state;
    for (size_t i = 0; i < COUNT(refused_rules); i++)
        if (rrule_read(refused_rules[i], &rule) == NULL)
            unit_wrong("%s was accepted", refused_rules[i]);
    unit_rows_done();
}

static void
test_dates(void **state)
{
    static const struct {
        const char *zone, *start, *rule, *dates;
    } rows[] = {
        {"UTC", "2026-01-31", "FREQ=MONTHLY", "2026-03-31 2026-05-31 2026-07-31 "},
        {"UTC", "2026-01-31", "freq=monthly;bymonthday=-1", "2026-02-28 2026-03-31 2026-04-30 "},
        {"UTC", "2024-02-29", "FREQ=YEARLY", "2028-02-29 2032-02-29 2036-02-29 "},
        {"UTC", "2096-02-29", "FREQ=YEARLY", "2104-02-29 2108-02-29 2112-02-29 "},
        {"UTC", "2026-01-01", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
         "2026-01-30 2026-02-27 2026-03-31 "},
        {"UTC", "2026-01-05", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1,-1",
         "2026-01-09 2026-01-12 2026-01-16 "},
        {"UTC", "2026-01-01", "FREQ=DAILY;BYMONTHDAY=-1;BYMONTH=2",
         "2026-02-28 2027-02-28 2028-02-29 "},
        /* Ending with COUNT is recurrence_next()'s subject. */
        {"UTC", "2026-01-01", "FREQ=DAILY;UNTIL=20260103", "2026-01-02 2026-01-03 "},
        {"Asia/Tokyo", "2026-01-01", "FREQ=DAILY;UNTIL=20260102T150000Z", "2026-01-02 2026-01-03 "},
        {"UTC", "2026-01-01T09:00:00Z", "FREQ=DAILY;UNTIL=20260102T085959Z", ""},
        {"UTC", "2026-01-01T09:00:00Z", "FREQ=DAILY;UNTIL=20260102T090000Z", "2026-01-02T09:00 "},
        /* The same time of day in summer and winter; 02:30 does not exist on 29 March. */
        {"Europe/Berlin", "2026-03-28T01:30:00Z", "FREQ=DAILY",
         "2026-03-29T01:30 2026-03-30T00:30 2026-03-31T00:30 "},
        /* and is shown twice on 25 October: the first */
        {"Europe/Berlin", "2026-10-24T00:30:00Z", "FREQ=DAILY",
         "2026-10-25T00:30 2026-10-26T01:30 2026-10-27T01:30 "},
        {"Europe/Berlin", "2026-03-27T22:30:00Z", "FREQ=DAILY",
         "2026-03-28T22:30 2026-03-29T21:30 2026-03-30T21:30 "},
        /* Midnight is skipped in Santiago on 6 September 2026. */
        {"America/Santiago", "2026-09-05T04:00:00Z", "FREQ=DAILY",
         "2026-09-06T04:00 2026-09-07T03:00 2026-09-08T03:00 "},
        /* Samoa had no 30 December 2011. */
        {"Pacific/Apia", "2011-12-29T20:00:00Z", "FREQ=DAILY",
         "2011-12-30T20:00 2011-12-31T20:00 2012-01-01T20:00 "},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct series s = series_of(rows[i].zone, rows[i].start, rows[i].rule);
        struct text dates = {0};

        text_puts(&dates, "");
        recurrence_dates(&s, &s.start, 3, write_date, &dates);
        if (strcmp(dates.bytes, rows[i].dates) != 0)
            unit_wrong("%s from %s: %s, not %s", rows[i].rule, rows[i].start, dates.bytes,
                       rows[i].dates);
        text_free(&dates);
    }
    unit_rows_done();
}

static void
test_the_next_date(void **state)
{
    static const struct {
        const char *rule, *due, *now, *next;
        int passed;
    } rows[] = {
        {"FREQ=DAILY", "2026-01-01", "2026-01-01", "2026-01-02", 1},
        {"FREQ=DAILY", "2026-01-05", "2026-01-01", "2026-01-06", 1},  /* early */
        {"FREQ=WEEKLY", "2026-01-03", "2026-01-03", "2026-01-08", 1}, /* one moved date */
        {"FREQ=DAILY;COUNT=3", "2026-01-01", "2026-01-01", "2026-01-02", 1},
        {"FREQ=DAILY;COUNT=3", "2026-01-01", "2026-01-02", "2026-01-03", 2},
        {"FREQ=DAILY;COUNT=3", "2026-01-01", "2026-01-03", NULL, 2},
        {"FREQ=DAILY;COUNT=1", "2026-01-01", "2026-01-01", NULL, 0},
        {"FREQ=DAILY;UNTIL=20260102", "2026-01-02", "2026-01-02", NULL, 0},
        {"FREQ=DAILY", "2500-12-31", "2026-01-01", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct series s = series_of("UTC", "2026-01-01", rows[i].rule);
        struct due due = due_of(s.zone, rows[i].due), now = due_of(s.zone, rows[i].now), next;
        int passed;
        bool found = recurrence_next(&s, &due, &now, &next, &passed);

        if (found != (rows[i].next != NULL) ||
            (found && next.day != due_of(s.zone, rows[i].next).day))
            unit_wrong("row %zu: another next date", i);
        assert_int_equal(passed, rows[i].passed);
    }
    unit_rows_done();
}

static bool
count(void *arg, const struct due *date)
{
    (void)date;
    ++*(int *)arg;
    return false;
}

/* Rules that hardly ever or never occur; libical alone takes about a second for some. */
static void
test_bounded_cpu_time(void **state)
{
    static const char *const rules[] = {
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO",
        "FREQ=DAILY;INTERVAL=1000;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=DAILY;INTERVAL=7;BYDAY=FR",
        "FREQ=WEEKLY;INTERVAL=1000;BYMONTH=2;BYDAY=SU",
        "FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=20",
        "FREQ=MONTHLY;INTERVAL=12;BYMONTH=2",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=300",
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=YEARLY;BYMONTH=2;BYDAY=5MO;BYSETPOS=2",
        "FREQ=YEARLY;INTERVAL=1000",
        "FREQ=YEARLY;BYDAY=53MO;BYMONTHDAY=15",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rules); i++) {
        struct series s = series_of("UTC", "2026-01-01", rules[i]);
        clock_t began = clock();
        int found = 0;
        long ms;

        recurrence_dates(&s, &s.start, 3, count, &found);
        ms = (long)((clock() - began) * 1000 / CLOCKS_PER_SEC);
        if (ms > CPU_MS && i > 0) /* the first one loads libical's data */
            unit_wrong("%s took %ld ms", rules[i], ms);
    }
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_rules),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_the_next_date),
        cmocka_unit_test(test_bounded_cpu_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
