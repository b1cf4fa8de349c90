/*
 * Which programs know the numbers of the quotas.
 */
#include "api/http/quotas.h"

#include "common/config.h"
#include "tests/unit/unit.h"

/* A quota that a program does not know would be 0 there, and nothing would be made. */
static void
test_each_program_that_makes_changes_knows_all_quotas(void **state)
{
    (void)state;
    assert_true(quotas_known_to(CONFIG_API));
    assert_true(quotas_known_to(CONFIG_JOBS));
    assert_false(quotas_known_to(CONFIG_PUSH));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_program_that_makes_changes_knows_all_quotas),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
