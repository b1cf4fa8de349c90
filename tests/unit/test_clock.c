/*
 * Instants and dates: which texts are valid, and which moment they mean.
 */
#include "common/time/clock.h"

#include <string.h>

#include "tests/unit/unit.h"

#define BAD INT64_MIN

/* clang-format off */
static const struct {
    const char *text;
    int64_t ms;
} instants[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"1970-01-01T00:00:00.001Z", 1},
    {"1969-12-31T23:59:59.999Z", -1},
    {"2026-01-31T09:00:00Z", 1769850000000},
    {"2026-01-31t09:00:00z", 1769850000000},
    {"2026-01-31T10:00:00+01:00", 1769850000000},
    {"2026-01-31T03:30:00-05:30", 1769850000000},
    {"2026-02-01T08:59:00+23:59", 1769850000000},
    {"2026-01-31T09:00:00-00:00", 1769850000000},
    {"2026-01-31T09:00:00.1Z", 1769850000100},
    {"2026-01-31T09:00:00.12Z", 1769850000120},
    {"2026-01-31T09:00:00.123Z", 1769850000123},
    {"2026-01-31T09:00:00.1239999Z", 1769850000123},
    {"2026-01-31T09:00:00.123+01:00", 1769846400123},
    {"2026-01-31T08:59:60Z", 1769849999000}, /* a leap second */
    {"2024-02-29T00:00:00Z", 1709164800000},
    {"0001-01-01T00:00:00Z", CLOCK_FIRST},
    {"9999-12-31T23:59:59.999Z", CLOCK_LAST},
    {"0001-01-01T00:00:00+00:01", BAD},
    {"9999-12-31T23:59:59.999-00:01", BAD},
    {"0000-01-01T00:00:00Z", BAD},
    {"2023-02-29T00:00:00Z", BAD},
    {"2026-13-01T00:00:00Z", BAD},
    {"2026-01-31T24:00:00Z", BAD},
    {"2026-01-31T09:60:00Z", BAD},
    {"2026-01-31T09:00:61Z", BAD},
    {"2026-01-31T09:00:00", BAD},
    {"2026-01-31T09:00:00.Z", BAD},
    {"2026-01-31T09:00:00,5Z", BAD},
    {"2026-01-31T09:00Z", BAD},
    {"2026-01-31 09:00:00Z", BAD},
    {"2026-01-31T09:00:00+0100", BAD},
    {"2026-01-31T09:00:00+01", BAD},
    {"2026-01-31T09:00:00+24:00", BAD},
    {"2026-01-31T09:00:00+01:60", BAD},
    {"2026-01-31T09:00:00Z ", BAD},
    {" 2026-01-31T09:00:00Z", BAD},
    {"2026-01-31T09:00:00ZZ", BAD},
    {"2026-1-31T09:00:00.0Z", BAD},
    {"+026-01-31T09:00:00Z", BAD},
    {"2026-01-31T-9:00:00Z", BAD},
    {"2026-01-31T09:00:00.0000000000000000000000Z", BAD}, /* no clock is this precise */
    {"2026-01-31", BAD},
    {"now", BAD},
    {"", BAD},
};

static const struct {
    const char *text;
    int64_t ms;
} dates[] = {
    {"1970-01-01", 0},
    {"2026-01-31", 1769817600000},
    {"2000-02-29", 951782400000},
    {"2024-02-29", 1709164800000},
    {"0001-01-01", CLOCK_FIRST},
    {"9999-12-31", CLOCK_LAST - 86399999},
    {"1900-02-29", BAD},
    {"2023-02-29", BAD},
    {"2026-00-01", BAD},
    {"2026-13-01", BAD},
    {"2026-01-00", BAD},
    {"2026-01-32", BAD},
    {"2026-04-31", BAD},
    {"0000-01-01", BAD},
    {"2026-1-1", BAD},
    {"20260131", BAD},
    {"2026/01/31", BAD},
    {"2026-01-3a", BAD},
    {"2026-01-31T", BAD},
    {"-026-01-31", BAD},
    {"", BAD},
};
/* clang-format on */

static void
check(const char *text, int64_t wanted, bool (*read)(const char *, size_t, int64_t *))
{
    size_t len = strlen(text);
    char *exact = test_malloc(len + 1);
    int64_t ms = BAD;
    bool ok;

    memcpy(exact, text, len);
    ok = read(exact, len, &ms);
    if (ok != (wanted != BAD) || (ok && ms != wanted))
        unit_wrong("'%s': %s, %lld, not %lld", text, ok ? "good" : "bad", (long long)ms,
                   (long long)wanted);
    test_free(exact);
}

static void
test_instants(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(instants); i++)
        check(instants[i].text, instants[i].ms, clock_read);
    unit_rows_done();
}

static void
test_dates(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(dates); i++)
        check(dates[i].text, dates[i].ms, clock_read_date);
    unit_rows_done();
}

static void
test_what_is_written_can_be_read(void **state)
{
    char text[CLOCK_INSTANT];
    int64_t ms, again;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        ms = CLOCK_FIRST + (int64_t)unit_random(315537897) * 1000000 + unit_random(600000);
        clock_write(text, ms);
        if (!clock_read(text, strlen(text), &again) || again != ms)
            unit_wrong("%lld: %s", (long long)ms, text);
    }
    clock_write(text, CLOCK_FIRST);
    assert_string_equal(text, "0001-01-01T00:00:00.000Z");
    clock_write(text, CLOCK_LAST);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    clock_write(text, -1);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    unit_rows_done();
}

static void
test_the_steady_clock_never_goes_back(void **state)
{
    int64_t before = clock_steady();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_steady();

        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_now() > 1769850000000);
}

/*
 * One process's clock, step by step; the host's clock does not matter once the server's time is
 * known.
 */
static void
test_now_is_the_servers_time(void **state)
{
    int64_t steady = clock_steady(), host = clock_now(), server = host - 45000, before;

    (void)state;
    clock_adjust(server, steady, steady + 2000);
    assert_in_range(clock_now() - server + 5, 0, 1005);

    /* A reply that proves nothing wrong changes nothing, however late it arrives. */
    steady = clock_steady();
    before = clock_now();
    clock_adjust(before + 3000, steady, steady + 10000000);
    assert_in_range(clock_now() - before, 0, 1000);

    /* Forward at once. */
    steady = clock_steady();
    clock_adjust(server + 20000, steady, steady);
    assert_in_range(clock_now() - (server + 20000) + 5, 0, 1005);

    /* Never backward: it stops until time has caught up. */
    before = clock_now();
    steady = clock_steady();
    clock_adjust(server + 10000, steady, steady);
    assert_in_range(clock_now() - before, 0, 5);

    /* Except for a correction so large that stopping would be worse. */
    steady = clock_steady();
    clock_adjust(server - 3600000, steady, steady);
    assert_in_range(clock_now() - (server - 3600000) + 5, 0, 1005);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_now_is_the_servers_time),
        cmocka_unit_test(test_instants),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_what_is_written_can_be_read),
        cmocka_unit_test(test_the_steady_clock_never_goes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
