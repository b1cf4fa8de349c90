/*
 * Days of time zones: 23, 24 and 25 hours long, repeated or skipped.
 */
#include "common/time/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/text/text.h"
#include "tests/unit/unit.h"

#define HOUR 3600000LL

/* clang-format off */
static const struct {
    const char *zone, *date, *from, *to;
} days[] = {
    {"UTC",                 "2026-03-29", "2026-03-29T00:00:00.000Z", "2026-03-30T00:00:00.000Z"},
    {NULL,                  "2026-03-29", "2026-03-29T00:00:00.000Z", "2026-03-30T00:00:00.000Z"},
    {"No/Such_Zone",        "2026-03-29", "2026-03-29T00:00:00.000Z", "2026-03-30T00:00:00.000Z"},
    {"Europe/Berlin",       "2026-01-31", "2026-01-30T23:00:00.000Z", "2026-01-31T23:00:00.000Z"},
    {"Europe/Berlin",       "2026-03-29", "2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"}, /* 23 hours */
    {"Europe/Berlin",       "2026-10-25", "2026-10-24T22:00:00.000Z", "2026-10-25T23:00:00.000Z"}, /* 25 hours */
    {"Europe/Berlin",       "2060-07-01", "2060-06-30T22:00:00.000Z", "2060-07-01T22:00:00.000Z"}, /* by the rule */
    {"Europe/Dublin",       "2060-01-01", "2060-01-01T00:00:00.000Z", "2060-01-02T00:00:00.000Z"}, /* winter is the exception */
    {"America/New_York",    "2026-03-08", "2026-03-08T05:00:00.000Z", "2026-03-09T04:00:00.000Z"},
    {"America/New_York",    "2026-11-01", "2026-11-01T04:00:00.000Z", "2026-11-02T05:00:00.000Z"},
    {"Asia/Tokyo",          "2026-06-15", "2026-06-14T15:00:00.000Z", "2026-06-15T15:00:00.000Z"},
    {"Asia/Kolkata",        "2026-06-15", "2026-06-14T18:30:00.000Z", "2026-06-15T18:30:00.000Z"},
    {"Pacific/Auckland",    "2026-06-15", "2026-06-14T12:00:00.000Z", "2026-06-15T12:00:00.000Z"},
    {"Pacific/Kiritimati",  "2026-06-15", "2026-06-14T10:00:00.000Z", "2026-06-15T10:00:00.000Z"},
    {"Pacific/Pago_Pago",   "2026-06-15", "2026-06-15T11:00:00.000Z", "2026-06-16T11:00:00.000Z"},
    {"Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00:00.000Z", "2026-04-05T13:30:00.000Z"}, /* 24.5 hours */
    /* Clocks go back from 1:00 to 0:00: the day begins with the first midnight. */
    {"America/Havana",      "2026-11-01", "2026-11-01T04:00:00.000Z", "2026-11-02T05:00:00.000Z"},
    {"Atlantic/Azores",     "2026-10-25", "2026-10-25T00:00:00.000Z", "2026-10-26T01:00:00.000Z"},
    /* Clocks go back from 0:00 to 23:00: midnight comes an hour late. */
    {"Asia/Beirut",         "2026-10-24", "2026-10-23T21:00:00.000Z", "2026-10-24T22:00:00.000Z"},
    {"Africa/Cairo",        "2026-10-29", "2026-10-28T21:00:00.000Z", "2026-10-29T22:00:00.000Z"},
    {"America/Asuncion",    "2024-03-23", "2024-03-23T03:00:00.000Z", "2024-03-24T04:00:00.000Z"},
    /* Clocks skip midnight: the day begins at 1:00. */
    {"Asia/Beirut",         "2026-03-29", "2026-03-28T22:00:00.000Z", "2026-03-29T21:00:00.000Z"},
    {"Africa/Cairo",        "2026-04-24", "2026-04-23T22:00:00.000Z", "2026-04-24T21:00:00.000Z"},
    {"America/Havana",      "2026-03-08", "2026-03-08T05:00:00.000Z", "2026-03-09T04:00:00.000Z"},
    {"Atlantic/Azores",     "2026-03-29", "2026-03-29T01:00:00.000Z", "2026-03-30T00:00:00.000Z"},
    {"America/Sao_Paulo",   "2018-11-04", "2018-11-04T03:00:00.000Z", "2018-11-05T02:00:00.000Z"},
    {"America/Asuncion",    "2024-10-06", "2024-10-06T04:00:00.000Z", "2024-10-07T03:00:00.000Z"},
    /* Clocks went back from 0:01 to 23:01, into the day before. */
    {"America/St_Johns",    "2010-11-07", "2010-11-07T02:30:00.000Z", "2010-11-08T03:30:00.000Z"},
    {"Pacific/Apia",        "2011-12-30", "2011-12-30T10:00:00.000Z", "2011-12-30T10:00:00.000Z"}, /* never was */
    {"Pacific/Apia",        "2011-12-31", "2011-12-30T10:00:00.000Z", "2011-12-31T10:00:00.000Z"},
    {"UTC",                 "9999-12-31", "9999-12-31T00:00:00.000Z", NULL},
    {"Europe/Berlin",       "9999-12-31", "9999-12-30T23:00:00.000Z", NULL},
    {"Europe/Berlin",       "0001-01-02", "0001-01-01T23:06:32.000Z", "0001-01-02T23:06:32.000Z"}, /* local mean time */
};

static const struct {
    const char *zone, *instant, *date;
} instants[] = {
    {"UTC",                "2026-03-28T23:59:59.999Z", "2026-03-28"},
    {"UTC",                "2026-03-29T00:00:00Z",     "2026-03-29"},
    {"Europe/Berlin",      "2026-01-31T22:59:59.999Z", "2026-01-31"},
    {"Europe/Berlin",      "2026-01-31T23:00:00Z",     "2026-02-01"},
    {"Asia/Tokyo",         "2026-01-31T14:59:59.999Z", "2026-01-31"},
    {"Asia/Tokyo",         "2026-01-31T15:00:00Z",     "2026-02-01"},
    {"Pacific/Auckland",   "2026-01-31T10:59:59.999Z", "2026-01-31"},
    {"Pacific/Auckland",   "2026-01-31T11:00:00Z",     "2026-02-01"},
    {"Asia/Kolkata",       "2026-01-31T18:29:59.999Z", "2026-01-31"},
    {"Asia/Kolkata",       "2026-01-31T18:30:00Z",     "2026-02-01"},
    {"Pacific/Kiritimati", "2026-01-31T09:59:59.999Z", "2026-01-31"},
    {"Pacific/Kiritimati", "2026-01-31T10:00:00Z",     "2026-02-01"},
    {"Pacific/Pago_Pago",  "2026-02-01T10:59:59.999Z", "2026-01-31"},
    {"Pacific/Pago_Pago",  "2026-02-01T11:00:00Z",     "2026-02-01"},
    {"America/Havana",     "2026-11-01T03:59:59.999Z", "2026-10-31"},
    {"America/Havana",     "2026-11-01T04:30:00Z",     "2026-11-01"},
    {"America/Havana",     "2026-11-01T05:30:00Z",     "2026-11-01"},
    {"Asia/Beirut",        "2026-10-24T21:30:00Z",     "2026-10-24"},
    {"Asia/Beirut",        "2026-10-24T22:00:00Z",     "2026-10-25"},
    {"America/St_Johns",   "2010-11-07T02:40:00Z",     "2010-11-07"}, /* clocks show the 6th again */
    {"Pacific/Kiritimati", "9999-12-31T23:00:00Z",     "9999-12-31"},
    {"Pacific/Pago_Pago",  "0001-01-01T01:00:00Z",     "0001-01-01"},
};

static const struct {
    const char *name;
    bool known;
} names[] = {
    {"UTC", true}, {"Europe/Berlin", true}, {"America/Argentina/Ushuaia", true}, {"Etc/GMT+5", true},
    {"GMT", true}, {"EST5EDT", true}, {"Asia/Ho_Chi_Minh", true}, {"America/Port-au-Prince", true},
    {"", false}, {"/", false}, {"Europe", false}, {"Europe/", false}, {"/Europe/Berlin", false},
    {"Europe//Berlin", false}, {"Europe/../Europe/Berlin", false}, {"../zoneinfo/UTC", false},
    {"./UTC", false}, {"posixrules", false}, {"localtime", false}, {"posix/Europe/Berlin", false},
    {"right/Europe/Berlin", false}, {"zone.tab", false}, {"tzdata.zi", false}, {"leapseconds", false},
    {"europe/berlin", false}, {"Europe/Berlin ", false}, {"Mars/Olympus", false}, {":UTC", false},
    {"CET-1CEST", false},
};
/* clang-format on */

static bool
no_tzdata(void)
{
    return access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0;
}

static void
test_dates(void **state)
{
    (void)state;
    if (no_tzdata())
        skip();
    for (size_t i = 0; i < COUNT(days); i++) {
        const struct zone *zone = zone_or_utc(days[i].zone);
        char from[CLOCK_INSTANT], to[CLOCK_INSTANT] = "";

        clock_write(from, zone_date_start(zone, days[i].date));
        if (days[i].to != NULL)
            clock_write(to, zone_date_end(zone, days[i].date));
        if (!unit_same(from, days[i].from) || (days[i].to != NULL && !unit_same(to, days[i].to)))
            unit_wrong("%s, %s: %s to %s", days[i].zone, days[i].date, from, to);
    }
    unit_rows_done();
}

static void
test_instants(void **state)
{
    (void)state;
    if (no_tzdata())
        skip();
    for (size_t i = 0; i < COUNT(instants); i++) {
        char date[CLOCK_DATE];
        int64_t ms;

        assert_true(clock_read(instants[i].instant, strlen(instants[i].instant), &ms));
        zone_date(zone_or_utc(instants[i].zone), ms, date);
        if (!unit_same(date, instants[i].date))
            unit_wrong("%s at %s: %s", instants[i].zone, instants[i].instant, date);
    }
    unit_rows_done();
}

static void
test_names(void **state)
{
    char longest[ZONE_NAME_MAX + 2];

    (void)state;
    if (no_tzdata())
        skip();
    for (size_t i = 0; i < COUNT(names); i++)
        if ((zone_find(names[i].name) != NULL) != names[i].known)
            unit_wrong("'%s'", names[i].name);
    memset(longest, 'A', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    assert_null(zone_find(longest));
    unit_rows_done();
}

/* Calls each() for every zone that tzdata names. */
static void
every_zone(void (*each)(const char *name, const struct zone *zone))
{
    FILE *file = fopen("/usr/share/zoneinfo/tzdata.zi", "re");
    char line[256], name[80];
    int count = 0;

    if (file == NULL)
        skip();
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "Z %79s", name) != 1 && sscanf(line, "L %*s %79s", name) != 1)
            continue;
        if (zone_find(name) == NULL)
            unit_wrong("%s is not read", name);
        else
            each(name, zone_find(name));
        count++;
    }
    fclose(file);
    assert_true(count > 400);
    unit_rows_done();
}

/* The C library's answer, for comparison. */
static int
offset_of_libc(const char *name, time_t t)
{
    static char current[80];
    struct tm tm;

    if (strcmp(current, name) != 0) {
        snprintf(current, sizeof(current), "%s", name);
        setenv("TZ", name, 1);
        tzset();
    }
    localtime_r(&t, &tm);
    return (int)tm.tm_gmtoff;
}

static void
compare_offsets(const char *name, const struct zone *zone)
{
    for (int i = 0; i < 300; i++) {
        /* 1910 to 2230: within the files' tables and beyond them */
        int64_t t =
            -1893456000 + (int64_t)unit_random(UINT32_MAX) * 2 + unit_random(1000000) * 1504;
        int wanted = offset_of_libc(name, (time_t)t);

        if (zone_offset(zone, t * 1000) != wanted) {
            unit_wrong("%s at %lld: %d, the C library: %d", name, (long long)t,
                       zone_offset(zone, t * 1000), wanted);
            return;
        }
    }
}

/* Offsets are those of the C library, in every zone, before and after the end of the tables. */
static void
test_all_zones_agree_with_libc(void **state)
{
    (void)state;
    every_zone(compare_offsets);
}

/* Days of a year follow each other without a gap, and the date of their ends is right. */
static void
check_year(const char *name, const struct zone *zone)
{
    int64_t noon = (1767225600LL + 86400LL * 365 * (int64_t)unit_random(60) + 43200) * 1000,
            last = 0;

    for (int i = 0; i < 370; i++, noon += 24 * HOUR) {
        char instant[CLOCK_INSTANT], date[CLOCK_DATE], first[CLOCK_DATE], final[CLOCK_DATE];
        int64_t from, to;

        clock_write(instant, noon);
        snprintf(date, sizeof(date), "%.10s", instant);
        from = zone_date_start(zone, date);
        to = zone_date_end(zone, date);
        zone_date(zone, from, first);
        zone_date(zone, to - 1, final);
        if ((last != 0 && from != last) || to - from > 26 * HOUR || to - from < 22 * HOUR ||
            !unit_same(date, first) || !unit_same(date, final)) {
            unit_wrong("%s, %s: %lld to %lld, %s to %s", name, date, (long long)from, (long long)to,
                       first, final);
            return;
        }
        last = to;
    }
}

static void
test_days_meet_in_all_zones(void **state)
{
    (void)state;
    every_zone(check_year);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_instants),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_all_zones_agree_with_libc),
        cmocka_unit_test(test_days_meet_in_all_zones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
