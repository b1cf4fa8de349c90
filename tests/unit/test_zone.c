/*
 * Days of time zones, also those that have 23 or 25 hours.
 */
#include "common/zone.h"

#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/unit/unit.h"

/* clang-format off */
static const struct {
    const char *zone, *now, *from, *to;
} days[] = {
    {"UTC",                 "2026-03-29T12:00:00Z", "2026-03-29T00:00:00.000Z", "2026-03-30T00:00:00.000Z"},
    {NULL,                  "2026-03-29T12:00:00Z", "2026-03-29T00:00:00.000Z", "2026-03-30T00:00:00.000Z"},
    {"No/Such_Zone",        "2026-03-29T12:00:00Z", "2026-03-29T00:00:00.000Z", "2026-03-30T00:00:00.000Z"},
    {"UTC",                 "2026-03-29T00:00:00Z", "2026-03-29T00:00:00.000Z", "2026-03-30T00:00:00.000Z"},
    {"UTC",                 "2026-03-28T23:59:59.999Z", "2026-03-28T00:00:00.000Z", "2026-03-29T00:00:00.000Z"},
    {"Europe/Berlin",       "2026-01-31T22:59:59Z", "2026-01-30T23:00:00.000Z", "2026-01-31T23:00:00.000Z"},
    {"Europe/Berlin",       "2026-01-31T23:00:00Z", "2026-01-31T23:00:00.000Z", "2026-02-01T23:00:00.000Z"},
    {"Europe/Berlin",       "2026-03-29T12:00:00Z", "2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"}, /* 23 hours */
    {"Europe/Berlin",       "2026-10-25T12:00:00Z", "2026-10-24T22:00:00.000Z", "2026-10-25T23:00:00.000Z"}, /* 25 hours */
    {"America/New_York",    "2026-03-08T12:00:00Z", "2026-03-08T05:00:00.000Z", "2026-03-09T04:00:00.000Z"},
    {"America/New_York",    "2026-11-01T12:00:00Z", "2026-11-01T04:00:00.000Z", "2026-11-02T05:00:00.000Z"},
    {"Asia/Kolkata",        "2026-06-15T00:00:00Z", "2026-06-14T18:30:00.000Z", "2026-06-15T18:30:00.000Z"},
    {"Pacific/Kiritimati",  "2026-06-15T12:00:00Z", "2026-06-15T10:00:00.000Z", "2026-06-16T10:00:00.000Z"},
    {"Australia/Lord_Howe", "2026-04-05T00:00:00Z", "2026-04-04T13:00:00.000Z", "2026-04-05T13:30:00.000Z"}, /* 24.5 hours */
    {"Europe/Berlin",       "2026-03-29T12:00:00Z", "2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"}, /* and back */
};
/* clang-format on */

static void
test_days(void **state)
{
    (void)state;
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0)
        skip(); /* no tzdata here */
    for (size_t i = 0; i < COUNT(days); i++) {
        char from[CLOCK_INSTANT], to[CLOCK_INSTANT];
        int64_t now, first, last;

        assert_true(clock_read(days[i].now, strlen(days[i].now), &now));
        zone_day(days[i].zone, now, &first, &last);
        clock_write(from, first);
        clock_write(to, last);
        if (!unit_same(from, days[i].from) || !unit_same(to, days[i].to))
            unit_wrong("%s at %s: %s to %s", days[i].zone, days[i].now, from, to);
    }
    unit_rows_done();
}

/* Where clocks skip midnight, and everywhere else: days follow each other without a gap. */
static void
test_days_meet(void **state)
{
    static const char *const zones[] = {"America/Sao_Paulo", "Africa/Cairo", "Asia/Beirut",
                                        "Europe/Berlin",     "Pacific/Apia", "America/St_Johns"};

    (void)state;
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0)
        skip();
    for (size_t i = 0; i < COUNT(zones); i++) {
        int64_t now = 1514800000000, end = 1777000000000, from, to; /* 2018 to 2026 */

        for (int64_t last = -1; now < end; now = last = to) {
            zone_day(zones[i], now, &from, &to);
            if ((last != -1 && from != last) || from > now || to <= now ||
                to - from > 25 * 3600000LL || to - from < 23 * 3600000LL) {
                unit_wrong("%s at %lld: %lld to %lld", zones[i], (long long)now, (long long)from,
                           (long long)to);
                break;
            }
        }
    }
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_days_meet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
