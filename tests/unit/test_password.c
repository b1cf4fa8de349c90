/*
 * Passwords, at the least cost there is.
 */
#include "common/password.h"

#include <libscrypt.h>
#include <pthread.h>
#include <string.h>

#include "tests/unit/unit.h"

#define DIGITS_80 "01234567890123456789012345678901234567890123456789012345678901234567890123456789"
#define RIGHT     "correct horse battery"

/* clang-format off */
static const char *const malformed[] = {
    "",
    "$s1$",
    "password",
    "$2b$12$abcdefghijklmnopqrstuv",
    "$s1$1e0801$aaaaaaaaaaaaaaaaaaaaaa==$bbbb", /* 1 TiB, if it were believed */
    "$s1$090801$aaaaaaaaaaaaaaaaaaaaaa==$bbbb", /* too cheap to be ours */
    "$s1$150801$aaaaaaaaaaaaaaaaaaaaaa==$bbbb",
    "$s1$0aff01$aaaaaaaaaaaaaaaaaaaaaa==$bbbb",
    "$s1$0a08ff$aaaaaaaaaaaaaaaaaaaaaa==$bbbb",
    "$s1$zz0801$aaaaaaaaaaaaaaaaaaaaaa==$bbbb",
    "$s1$0a0803$" DIGITS_80 DIGITS_80, /* longer than any of ours */
};
/* clang-format on */

static bool
check(const char *password, const char *stored)
{
    bool right = true;

    assert_int_equal(password_check(password, stored, &right, NULL), ERR_NONE);
    return right;
}

static void
test_the_right_one_and_the_others(void **state)
{
    char stored[PASSWORD_STORED], other[PASSWORD_STORED];

    (void)state;
    password_open(10, 2);
    assert_int_equal(password_hash(RIGHT, stored), ERR_NONE);
    assert_int_equal(password_hash(RIGHT, other), ERR_NONE);
    assert_string_not_equal(stored, other); /* salted */
    assert_memory_equal(stored, "$s1$0a0803$", 11);
    assert_true(check(RIGHT, stored));
    assert_true(check(RIGHT, stored)); /* what is stored stays as it was */
    assert_true(check(RIGHT, other));
    assert_false(check("correct horse batterz", stored));
    assert_false(check(RIGHT " ", stored));
    assert_false(check("", stored));
}

/* One text in two spellings; a hash of before this was so is still right, and to be replaced. */
static void
test_spellings_of_one_password(void **state)
{
    static const char composed[] = "p\xC3\xA2t\xC3\xA9 de campagne";
    static const char decomposed[] = "pa\xCC\x82te\xCC\x81 de campagne";
    char stored[PASSWORD_STORED], raw[PASSWORD_STORED];
    bool right, outdated;

    (void)state;
    password_open(10, 2);
    assert_int_equal(password_hash(decomposed, stored), ERR_NONE);
    assert_int_equal(password_check(composed, stored, &right, &outdated), ERR_NONE);
    assert_true(right && !outdated);
    assert_int_equal(password_check(decomposed, stored, &right, &outdated), ERR_NONE);
    assert_true(right && !outdated);
    assert_true(libscrypt_hash(raw, decomposed, 1 << 10, 8, 3) > 0);
    assert_int_equal(password_check(decomposed, raw, &right, &outdated), ERR_NONE);
    assert_true(right && outdated);
    assert_int_equal(password_check(composed, raw, &right, &outdated), ERR_NONE);
    assert_false(right);
}

static void
test_nobody_has_a_password(void **state)
{
    (void)state;
    password_open(10, 2);
    assert_false(check(RIGHT, NULL));
    assert_false(check("nobody's password", NULL));
}

static void
test_the_cost_is_raised_at_log_in(void **state)
{
    char stored[PASSWORD_STORED];
    bool right, outdated;

    (void)state;
    password_open(10, 2);
    assert_int_equal(password_hash(RIGHT, stored), ERR_NONE);
    assert_int_equal(password_check(RIGHT, stored, &right, &outdated), ERR_NONE);
    assert_true(right && !outdated);
    password_open(11, 2);
    assert_int_equal(password_check(RIGHT, stored, &right, &outdated), ERR_NONE);
    assert_true(right && outdated);
    assert_int_equal(password_check("another one", stored, &right, &outdated), ERR_NONE);
    assert_true(!right && !outdated);
}

static void
test_what_is_no_hash_of_ours_is_not_checked(void **state)
{
    (void)state;
    password_open(10, 2);
    for (size_t i = 0; i < COUNT(malformed); i++) {
        bool right = true;
        enum err err = password_check(RIGHT, malformed[i], &right, NULL);

        if (right || (err != ERR_INTERNAL && err != ERR_NONE))
            unit_wrong("'%s': err %d, %s", malformed[i], (int)err, right ? "right" : "wrong");
    }
    unit_rows_done();
}

/* On a busy host a thread may be told to come back; it is never told anything wrong. */
static void *
hash_and_check(void *arg)
{
    char stored[PASSWORD_STORED];
    bool right = false;

    for (int i = 0; i < 3; i++) {
        enum err err = password_hash(RIGHT, stored);

        if (err == ERR_NONE)
            err = password_check(RIGHT, stored, &right, NULL);
        if (err != ERR_BUSY && (err != ERR_NONE || !right))
            *(bool *)arg = false;
    }
    return NULL;
}

static void
test_more_threads_than_places(void **state)
{
    pthread_t threads[8];
    bool fine[8];

    (void)state;
    password_open(10, 2);
    for (int i = 0; i < 8; i++) {
        fine[i] = true;
        assert_int_equal(pthread_create(&threads[i], NULL, hash_and_check, &fine[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_true(fine[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_right_one_and_the_others),
        cmocka_unit_test(test_spellings_of_one_password),
        cmocka_unit_test(test_nobody_has_a_password),
        cmocka_unit_test(test_the_cost_is_raised_at_log_in),
        cmocka_unit_test(test_what_is_no_hash_of_ours_is_not_checked),
        cmocka_unit_test(test_more_threads_than_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
