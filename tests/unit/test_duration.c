/*
 * Durations of ISO 8601.
 */
#include "common/time/duration.h"

#include "tests/unit/unit.h"

#define MINUTE 60000LL
#define HOUR   (60 * MINUTE)

static const struct {
    const char *text;
    int64_t days, ms; /* days -1: it is refused */
} rows[] = {
    {"PT30M", 0, 30 * MINUTE},
    {"PT0S", 0, 0},
    {"P0D", 0, 0},
    {"P1D", 1, 0},
    {"P2W", 14, 0},
    {"P1DT2H3M4S", 1, 2 * HOUR + 3 * MINUTE + 4000},
    {"PT90M", 0, 90 * MINUTE},
    {"PT1H5S", 0, HOUR + 5000},
    {"PT007M", 0, 7 * MINUTE},
    {"P999999999D", 999999999, 0},
    {"PT999999999H999999999M999999999S", 0, 999999999 * (HOUR + MINUTE + 1000)},
    {"", -1, 0},
    {"P", -1, 0},
    {"PT", -1, 0},
    {"P1DT", -1, 0},
    {"30M", -1, 0},
    {"P30M", -1, 0}, /* months */
    {"P1M", -1, 0},
    {"P100Y", -1, 0},
    {"P1Y2D", -1, 0},
    {"-PT30M", -1, 0},
    {"+PT30M", -1, 0},
    {"PT-30M", -1, 0},
    {"P-1D", -1, 0},
    {"PT1.5H", -1, 0},
    {"PT1,5H", -1, 0},
    {"PT1M1H", -1, 0},
    {"PT1M1M", -1, 0},
    {"PT1D", -1, 0},
    {"P1H", -1, 0},
    {"P1W1D", -1, 0},
    {"P1WT1H", -1, 0},
    {"P1D1W", -1, 0},
    {"P1D1D", -1, 0},
    {"P1DT1HT1M", -1, 0},
    {"PTM", -1, 0},
    {"PT1", -1, 0},
    {"P1", -1, 0},
    {"PT1M ", -1, 0},
    {" PT1M", -1, 0},
    {"pt1m", -1, 0},
    {"PT1m", -1, 0},
    {"PT1000000000S", -1, 0},
    {"PT\xd9\xa1M", -1, 0}, /* an Arabic digit */
};

static void
test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct duration d;
        bool read = duration_read(rows[i].text, &d);

        if (read != (rows[i].days >= 0) || (read && (d.days != rows[i].days || d.ms != rows[i].ms)))
            unit_wrong("\"%s\"", rows[i].text);
    }
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
