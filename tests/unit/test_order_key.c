/*
 * Positions: whatever is moved, the keys sort in the order of the list.
 */
#include "api/schema/order_key.h"

#include <stdlib.h>
#include <string.h>

#include "common/text/text.h"
#include "tests/unit/unit.h"

#define INSERTS 100000

static const char DIGITS[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static bool
well_formed(const struct text *key)
{
    return key->len > 0 && key->bytes[key->len - 1] != '0' &&
           strspn(key->bytes, DIGITS) == key->len;
}

static struct task {
    struct text key;
    int before, after; /* its neighbours; -1: none */
} tasks[INSERTS];
static int first, last, tasks_made;
static int64_t seq;

/* To the end, where the next change puts it. */
static void
append(void)
{
    struct task *t = &tasks[tasks_made];

    seq += 1 + unit_random(40);
    order_key_last(&t->key, seq);
    t->before = last;
    t->after = -1;
    if (last >= 0)
        tasks[last].after = tasks_made;
    else
        first = tasks_made;
    last = tasks_made++;
}

/* Before the task at, which exists. */
static void
insert(int at)
{
    struct task *t = &tasks[tasks_made];
    int before = tasks[at].before;

    if (!order_key_between(&t->key, before < 0 ? NULL : tasks[before].key.bytes,
                           tasks[at].key.bytes))
        fail_msg("no room before %s", tasks[at].key.bytes);
    t->before = before;
    t->after = at;
    tasks[at].before = tasks_made;
    if (before >= 0)
        tasks[before].after = tasks_made;
    else
        first = tasks_made;
    tasks_made++;
}

static size_t
check_list(void)
{
    size_t longest = 0;
    int n = 0;

    for (int at = first; at >= 0; at = tasks[at].after, n++) {
        const struct task *t = &tasks[at];

        longest = t->key.len > longest ? t->key.len : longest;
        if (!well_formed(&t->key))
            unit_wrong("'%s' is no key", t->key.bytes);
        if (t->before >= 0 && strcmp(tasks[t->before].key.bytes, t->key.bytes) >= 0)
            unit_wrong("'%s' does not sort before '%s'", tasks[t->before].key.bytes, t->key.bytes);
    }
    assert_int_equal(n, tasks_made);
    return longest;
}

static void
test_any_moves_keep_the_order(void **state)
{
    size_t longest;

    (void)state;
    first = last = -1;
    for (int i = 0; i < INSERTS; i++) {
        uint32_t where = unit_random(100);

        if (i == 0 || where < 10)
            append();
        else if (where < 30)
            insert(first);
        else if (where < 32)
            insert(last); /* the last but one */
        else
            insert((int)unit_random((uint32_t)tasks_made));
    }
    longest = check_list();
    assert_true(longest < 100);
    for (int i = 0; i < INSERTS; i++)
        text_free(&tasks[i].key);
    unit_rows_done();
}

/* Repeatedly at one place: correct as long as there is room, then "no room". */
static void
squeeze(bool to_the_left)
{
    struct text low = {0}, high = {0}, key = {0};
    int n = 0;

    order_key_last(&low, 1);
    order_key_last(&high, 2);
    while (n < 100000) {
        text_clear(&key);
        if (!order_key_between(&key, low.bytes, high.bytes))
            break;
        assert_true(well_formed(&key));
        assert_true(strcmp(low.bytes, key.bytes) < 0 && strcmp(key.bytes, high.bytes) < 0);
        text_clear(to_the_left ? &high : &low);
        text_puts(to_the_left ? &high : &low, key.bytes);
        n++;
    }
    assert_true(n > 4000 && n < 100000);
    text_free(&low);
    text_free(&high);
    text_free(&key);
}

static void
test_one_gap_takes_thousands_of_moves(void **state)
{
    (void)state;
    squeeze(true);
    squeeze(false);
}

/* To the top, any number of times: the keys stay short. */
static void
test_the_top_takes_any_number_of_moves(void **state)
{
    struct text top = {0}, key = {0}, low = {0};

    (void)state;
    order_key_last(&top, 100);
    for (int i = 0; i < 300000; i++) {
        text_clear(&key);
        assert_true(order_key_between(&key, NULL, top.bytes));
        assert_true(well_formed(&key) && key.len <= 6);
        assert_true(strcmp(key.bytes, top.bytes) < 0);
        if (i % 1000 == 0) { /* and between the two there is room */
            text_clear(&low);
            assert_true(order_key_between(&low, key.bytes, top.bytes));
            assert_true(strcmp(key.bytes, low.bytes) < 0 && strcmp(low.bytes, top.bytes) < 0);
        }
        text_clear(&top);
        text_puts(&top, key.bytes);
    }
    text_free(&top);
    text_free(&key);
    text_free(&low);
}

static void
test_later_changes_come_later(void **state)
{
    static const int64_t jumps[] = {
        0, 1, 61, 62, 63, 3843, 3844, 238327, 238328, 1000000000, 9007199254740991, INT64_MAX};
    struct text before = {0}, key = {0}, between = {0};

    (void)state;
    for (int64_t s = 0; s < 20000; s++) {
        text_clear(&key);
        order_key_last(&key, s);
        assert_true(well_formed(&key));
        assert_true(before.len == 0 || strcmp(before.bytes, key.bytes) < 0);
        text_clear(&before);
        text_puts(&before, key.bytes);
    }
    for (size_t i = 1; i < COUNT(jumps); i++) {
        text_clear(&before);
        text_clear(&key);
        text_clear(&between);
        order_key_last(&before, jumps[i - 1]);
        order_key_last(&key, jumps[i]);
        assert_true(strcmp(before.bytes, key.bytes) < 0);
        assert_true(order_key_between(&between, before.bytes, key.bytes));
        assert_true(strcmp(before.bytes, between.bytes) < 0);
        assert_true(strcmp(between.bytes, key.bytes) < 0);
    }
    text_free(&before);
    text_free(&key);
    text_free(&between);
}

/* clang-format off */
static const struct {
    const char *before, *after;
    const char *key; /* NULL: no room */
} rows[] = {
    {NULL, "W5V",  "W4V"},
    {NULL, "W1",   "W0V"},
    {NULL, "W0V",  "VV"},
    {NULL, "VV",   "UzV"},
    {NULL, "V",    "UzV"},
    {NULL, "UzV",  "UyV"},
    {NULL, "U0V",  "TzzV"},
    {NULL, "X10V", "X0zV"},
    {NULL, "X00V", "WzV"},
    {NULL, "X00V5", "WzV"},
    {NULL, "K00000000000V", "A"}, /* the last whole number: halved from here on */
    {NULL, "F",    "7"}, /* begins with none */
    {NULL, "X1",   "G"},
    {NULL, "1",    "0V"},
    {NULL, "01",   "00V"},
    {"1",  "3",  "2"},
    {"1",  "2",  "1V"},
    {"1",  "11", "10V"},
    {"1V", "2",  "1k"},
    {"1z", "2",  "1zV"},
    {"V",  "V",  NULL},
    {"W",  "V",  NULL},
    {"VV", "V",  NULL},
};
/* clang-format on */

static void
test_between(void **state)
{
    struct text key = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool room;

        text_clear(&key);
        room = order_key_between(&key, rows[i].before, rows[i].after);
        if (room != (rows[i].key != NULL) || (room && !unit_same(key.bytes, rows[i].key)))
            unit_wrong("between %s and %s: %s", rows[i].before, rows[i].after,
                       room ? key.bytes : "no room");
    }
    text_free(&key);
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_between),
        cmocka_unit_test(test_any_moves_keep_the_order),
        cmocka_unit_test(test_the_top_takes_any_number_of_moves),
        cmocka_unit_test(test_one_gap_takes_thousands_of_moves),
        cmocka_unit_test(test_later_changes_come_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
