/*
 * Passwords that are too common.
 */
#include "common/secrets/common_passwords.h"

#include <string.h>

#include "tests/unit/unit.h"

/* clang-format off */
static const struct {
    const char *password;
    bool common;
} rows[] = {
    {"password1234",              true},
    {"Password1234",              true},
    {"PASSWORD!!!!",              true},
    {"!!!!password",              true},
    {"1password2345!",            true},
    {"123456789012",              true},
    {"234567890123",              true},
    {"987654321098",              true},
    {"abcdefghijkl",              true},
    {"zyxwvutsrqpo",              true},
    {"aaaaaaaaaaaa",              true},
    {"abababababab",              true},
    {"abcdabcdabcd",              true},
    {"            ",              true},
    {"qwertyuiop123",             true},
    {"iloveyou1234",              true},
    {"letmein123456",             true},
    {"correct horse battery",     false},
    {"tr0ub4dor&3x",              false},
    {"Zm9vYmFyYmF6",              false},
    {"wie sch\xC3\xB6n es ist",   false},
    {"\xE5\xAF\x86\xE7\xA0\x81\xE5\xAF\x86\xE7\xA0\x81 42 \xE5\xAF\x86", false},
    {"a long sentence that nobody has said before in this very order, I hope", false},
    {"1234567890123456789012345678901234567890123456789012345678901234567890", true},
};
/* clang-format on */

static void
test_passwords(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (common_passwords_has(rows[i].password) != rows[i].common)
            unit_wrong("'%s' is %s", rows[i].password, rows[i].common ? "taken" : "refused");
    unit_rows_done();
}

/* Short ones are checked elsewhere, but must not crash. */
static void
test_any_length(void **state)
{
    char password[300];

    (void)state;
    for (size_t len = 0; len < sizeof(password); len++) {
        memset(password, '\xFF', len);
        password[len] = '\0';
        common_passwords_has(password);
        memset(password, '7', len);
        common_passwords_has(password);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passwords),
        cmocka_unit_test(test_any_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
