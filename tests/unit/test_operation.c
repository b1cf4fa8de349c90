/*
 * The results of the operations of a batch.
 */
#include "api/batch/operations.h"

#include <string.h>

#include "common/change/change.h"
#include "common/text/text.h"
#include "tests/unit/request_fixture.h"
#include "tests/unit/unit.h"

static struct text results;

static void
write_result(struct operation *op)
{
    operation_write(op, false, &results);
}

void
__wrap_store_limit(struct store *store, const struct arena *arena)
{
    (void)store;
    (void)arena;
}

const struct arena *
__wrap_store_limit_of(const struct store *store)
{
    (void)store;
    return NULL;
}

/*
 * Both operations run in a transaction, which fails.  The first is settled alone, and then the time
 * is up.
 */
enum err
__wrap_change_run_set(struct store *store, struct bus *bus, const char *epoch,
                      struct change_set *set)
{
    struct operation *second = set->steps[1].arg;

    (void)store;
    (void)bus;
    (void)epoch;
    operation_run(NULL, set->steps[0].arg);
    operation_run(NULL, second);
    second->r.detail = arena_dup(second->r.arena, "of the first run");
    set->steps[0].err = ERR_NOT_FOUND;
    set->settled(set->arg, 0, 1);
    set->steps[1].err = ERR_BUSY;
    set->settled(set->arg, 1, 1);
    return ERR_NONE;
}

/* Regression: the request's time was up before all operations had run, and the worker ended. */
static void
test_an_operation_that_never_ran_has_a_result(void **state)
{
    struct request *r = fixture_request("POST", "/v1/batch");
    struct operations all = {.r = r, .arena = r->arena};
    struct operation op = {.all = &all, .method = "POST", .path = "/v1/tasks"};
    struct text out = {0};

    (void)state;
    assert_int_equal(operation_settle(&op, ERR_BUSY), ERR_BUSY);
    operation_write(&op, false, &out);
    assert_non_null(strstr(out.bytes, "{\"status\":503,\"location\":null,\"body\":{"));
    assert_non_null(strstr(out.bytes, "/problems/busy"));
    text_free(&op.r.reply.body);
    text_free(&out);
}

/* Regression: the detail was read from memory that had been freed with the first one's result. */
static void
test_an_operation_that_did_not_run_again_keeps_nothing_of_its_first_run(void **state)
{
    struct request *r = fixture_request("POST", "/v1/batch");
    struct operations *all = arena_alloc(r->arena, sizeof(*all));

    (void)state;
    *all = (struct operations){.settled = write_result};
    operations_start(all, r);
    for (int i = 0; i < 2; i++)
        all->items[i] =
            (struct operation){.all = all, .index = i, .method = "GET", .path = "/v1/nothing"};
    all->count = 2;
    assert_int_equal(operations_run(all), ERR_NONE);
    assert_non_null(strstr(results.bytes, "{\"status\":404,"));
    assert_non_null(strstr(results.bytes, "{\"status\":503,"));
    assert_null(strstr(results.bytes, "of the first run"));
    text_free(&results);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_operation_that_did_not_run_again_keeps_nothing_of_its_first_run),
        cmocka_unit_test(test_an_operation_that_never_ran_has_a_result),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    fixture_done();
    return failed;
}
