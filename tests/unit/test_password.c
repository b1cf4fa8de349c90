/*
 * Passwords, at the lowest cost.
 */
#include "common/secrets/password.h"

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
test_right_and_wrong_passwords(void **state)
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
test_an_unknown_account_takes_as_long(void **state)
{
    (void)state;
    password_open(10, 2);
    assert_false(check(RIGHT, NULL));
    assert_false(check("nobody's password", NULL));
}

static void
test_the_cost_is_raised_at_login(void **state)
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
test_foreign_hashes_are_not_checked(void **state)
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

/* On a busy host a thread may get ERR_BUSY; it never gets a wrong result. */
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

/*
 * While the gate is shut, no hash ends.  Once it has been shut, hashes are cheap, since the places
 * are what is tested: twelve real ones, one after another, may take longer than a caller waits.
 */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t news;
    bool shut, used;
    int refused; /* threads that got ERR_BUSY */
} gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false, 0};

int __real_libscrypt_hash(char *out, const char *password, uint32_t n, uint8_t r, uint8_t p);
int __wrap_libscrypt_hash(char *out, const char *password, uint32_t n, uint8_t r, uint8_t p);

int
__wrap_libscrypt_hash(char *out, const char *password, uint32_t n, uint8_t r, uint8_t p)
{
    bool cheap;

    pthread_mutex_lock(&gate.lock);
    while (gate.shut)
        pthread_cond_wait(&gate.news, &gate.lock);
    cheap = gate.used;
    pthread_mutex_unlock(&gate.lock);
    return __real_libscrypt_hash(out, password, cheap ? 2 : n, r, p);
}

static void
set_gate(bool shut)
{
    pthread_mutex_lock(&gate.lock);
    gate.shut = shut;
    gate.used = true;
    gate.refused = shut ? 0 : gate.refused;
    pthread_cond_broadcast(&gate.news);
    pthread_mutex_unlock(&gate.lock);
}

static void
wait_for_refused(int count)
{
    pthread_mutex_lock(&gate.lock);
    while (gate.refused < count)
        pthread_cond_wait(&gate.news, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

/* One of many threads that hash at the same time: for which account, and the result. */
struct one {
    const char *account, *address;
    enum err err;
    pthread_t thread;
};

static void *
hash_for(void *arg)
{
    struct one *one = arg;
    char stored[PASSWORD_STORED];

    password_caller(one->account, one->address);
    one->err = password_hash(RIGHT, stored);
    pthread_mutex_lock(&gate.lock);
    gate.refused += one->err == ERR_BUSY;
    pthread_cond_broadcast(&gate.news);
    pthread_mutex_unlock(&gate.lock);
    return NULL;
}

static void
start(struct one *one, const char *account, const char *address)
{
    one->account = account;
    one->address = address;
    assert_int_equal(pthread_create(&one->thread, NULL, hash_for, one), 0);
}

static int
refused(struct one *all, int count)
{
    int busy = 0;

    for (int i = 0; i < count; i++) {
        pthread_join(all[i].thread, NULL);
        busy += all[i].err == ERR_BUSY;
    }
    return busy;
}

static void
test_one_account_cannot_take_all_places(void **state)
{
    struct one loop[16], other;

    (void)state;
    password_open(10, 1);
    set_gate(true);
    for (int i = 0; i < 16; i++)
        start(&loop[i], "anna", "192.0.2.1");
    wait_for_refused(16 - PASSWORD_ACCOUNT_PLACES);
    start(&other, "ben", "192.0.2.1");
    set_gate(false);
    assert_int_equal(refused(&other, 1), 0);
    assert_int_equal(refused(loop, 16), 16 - PASSWORD_ACCOUNT_PLACES);
}

/* Sixteen accounts from one address fill all twelve places; five from others get in all the same.
 */
static void
test_one_address_cannot_block_others(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h",
                                        "i", "j", "k", "l", "m", "n", "o", "p"};
    static const char *const addresses[] = {"192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5",
                                            "192.0.2.6"};
    struct one many[16], others[5];

    (void)state;
    password_open(10, 4);
    set_gate(true);
    for (int i = 0; i < 16; i++)
        start(&many[i], names[i], "192.0.2.1");
    wait_for_refused(4);
    for (int i = 0; i < 5; i++)
        start(&others[i], names[i], addresses[i]);
    wait_for_refused(9);
    set_gate(false);
    assert_int_equal(refused(others, 5), 0);
    assert_int_equal(refused(many, 16), 9);
    password_caller(NULL, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_and_wrong_passwords),
        cmocka_unit_test(test_spellings_of_one_password),
        cmocka_unit_test(test_an_unknown_account_takes_as_long),
        cmocka_unit_test(test_the_cost_is_raised_at_login),
        cmocka_unit_test(test_foreign_hashes_are_not_checked),
        cmocka_unit_test(test_more_threads_than_places),
        cmocka_unit_test(test_one_account_cannot_take_all_places),
        cmocka_unit_test(test_one_address_cannot_block_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
