/*
 * The result of an operation of a batch.
 */
#include "api/batch/operation.h"

#include <string.h>

#include "tests/unit/request_fixture.h"
#include "tests/unit/unit.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_operation_that_never_ran_has_a_result),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    fixture_done();
    return failed;
}
