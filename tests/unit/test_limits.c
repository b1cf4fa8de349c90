/*
 * Rate limits: what counts as one address, and what a client is sent.
 */
#include "api/http/limits.h"

#include <stdio.h>
#include <string.h>

#include "common/redis/throttle.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/request_fixture.h"
#include "tests/unit/unit.h"

/* A fake Redis: its last command, and its reply. */
static char asked[128];
static struct throttle_window window;
static int64_t wait;
static enum err answer;

enum err __wrap_throttle_count(struct throttle *throttle, const char *key, long seconds,
                               struct throttle_window *out);
enum err __wrap_throttle_try(struct throttle *throttle, const char *key, long free,
                             int64_t *wait_ms);

enum err
__wrap_throttle_count(struct throttle *throttle, const char *key, long seconds,
                      struct throttle_window *out)
{
    (void)throttle;
    assert_int_equal(seconds, 60);
    snprintf(asked, sizeof(asked), "%s", key);
    *out = window;
    return answer;
}

enum err
__wrap_throttle_try(struct throttle *throttle, const char *key, long free, int64_t *wait_ms)
{
    (void)throttle;
    assert_int_equal(free, 10);
    snprintf(asked, sizeof(asked), "%s", key);
    *wait_ms = wait;
    return answer;
}

static struct request *
make(const char *address)
{
    struct request *r = fixture_request("POST", "/v1/sessions");

    r->throttle = (struct throttle *)(uintptr_t)1;
    r->address = address;
    asked[0] = '\0';
    answer = ERR_NONE;
    window = (struct throttle_window){1, 60};
    wait = 0;
    return r;
}

/* clang-format off */
static const struct {
    const char *address, *key; /* NULL: not counted */
} addresses[] = {
    {"192.0.2.7",              "address:192.0.2.7"},
    {"2001:db8:1:2:3:4:5:6",   "address:2001:db8:1:2::"},
    {"2001:db8:1:2::1",        "address:2001:db8:1:2::"},
    {"2001:DB8:1:3::1",        "address:2001:db8:1:3::"},
    {"::1",                    "address:::"},
    {"::ffff:192.0.2.7",       "address:::ffff:192.0.2.7"}, /* not all of IPv4 in one */
    {"::ffff:192.0.2.8",       "address:::ffff:192.0.2.8"},
    {"unix:",                  "address:unix:"},
    {NULL,                     ""},
};

static const struct {
    long count, seconds;
    enum err answer;
    enum err err;
    long remaining, reset, retry;
} windows[] = {
    {1,   60, ERR_NONE,  ERR_NONE,      59, 60, 0},
    {60,  7,  ERR_NONE,  ERR_NONE,      0,  7,  0},
    {61,  7,  ERR_NONE,  ERR_THROTTLED, 0,  7,  7},
    {999, 0,  ERR_NONE,  ERR_THROTTLED, 0,  1,  1},
    {999, 60, ERR_STORE, ERR_NONE,      0,  0,  0}, /* without Redis nginx's limits remain */
};
/* clang-format on */

static void
test_what_is_one_address(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct request *r = make(addresses[i].address);

        if (limits_address(r) != ERR_NONE || !unit_same(asked, addresses[i].key))
            unit_wrong("%s: %s", addresses[i].address, asked);
    }
    unit_rows_done();
}

static void
test_what_a_client_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(windows); i++) {
        struct request *r = make("192.0.2.7");
        enum err err;

        window = (struct throttle_window){windows[i].count, windows[i].seconds};
        answer = windows[i].answer;
        err = limits_address(r);
        if (err != windows[i].err || r->reply.remaining != windows[i].remaining ||
            r->reply.reset != windows[i].reset || r->reply.retry_after != windows[i].retry)
            unit_wrong("row %zu: %s, remaining %ld, reset %ld, retry %d", i, fixture_slug(err),
                       r->reply.remaining, r->reply.reset, r->reply.retry_after);
    }
    unit_rows_done();
}

static void
test_tries_at_an_account(void **state)
{
    struct request *r = make("192.0.2.7");

    (void)state;
    fake_store_clear();
    assert_int_equal(limits_try(r, "anna@example.org"), ERR_NONE);
    assert_null(strstr(asked, "anna")); /* no personal address */
    wait = 1500;
    assert_int_equal(limits_try(r, "anna@example.org"), ERR_THROTTLED);
    assert_int_equal(r->reply.retry_after, 2);
    r = make("192.0.2.7");
    answer = ERR_STORE; /* without Redis MongoDB counts; it has counted nothing */
    assert_int_equal(limits_try(r, "anna@example.org"), ERR_NONE);
    fake_store_fails(ERR_STORE);
    assert_int_equal(limits_try(r, "anna@example.org"), ERR_STORE);
    fake_store_clear();
}

static void
test_waits_grow(void **state)
{
    int64_t before = 0;

    (void)state;
    for (long failures = 0; failures < 10; failures++)
        assert_int_equal(throttle_delay(failures, 10), 0);
    for (long failures = 10; failures < 200; failures++) {
        int64_t delay = throttle_delay(failures, 10);

        assert_true(delay > 0 && delay >= before && delay < 86400000);
        before = delay;
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_one_address),
        cmocka_unit_test(test_what_a_client_is_told),
        cmocka_unit_test(test_tries_at_an_account),
        cmocka_unit_test(test_waits_grow),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    fake_store_clear();
    fixture_done();
    return failed;
}
