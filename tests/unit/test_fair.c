/*
 * Queues that are fair by owner, and leaky buckets.
 */
#include "push/base/fair.h"

#include <string.h>

#include "push/base/bucket.h"
#include "tests/unit/unit.h"

struct thing {
    struct fair_item item;
    int owner, number;
};

static const unsigned char owners[4][12] = {"anna", "ben", "cleo", "dora"};

static void
add(struct fair *f, struct thing *t, int owner, int number)
{
    *t = (struct thing){.owner = owner, .number = number};
    fair_add(f, owners[owner], &t->item);
}

static struct thing *
take(struct fair *f, int64_t now)
{
    int64_t again;

    return (struct thing *)fair_take(f, now, &again);
}

/* With a thousand items of one owner, another owner's item waits for at most one of them. */
static void
test_owners_are_served_round_robin(void **state)
{
    static struct thing many[1000], few[6];
    struct fair f = {0};
    int seen[4] = {0};

    (void)state;
    for (int i = 0; i < 1000; i++)
        add(&f, &many[i], 0, i);
    for (int i = 0; i < 6; i++)
        add(&f, &few[i], 1 + i % 2, i / 2);
    for (int i = 0; i < 9; i++) {
        struct thing *t = take(&f, 0);

        assert_int_equal(t->number, seen[t->owner]++);
    }
    assert_true(seen[0] == 3 && seen[1] == 3 && seen[2] == 3);
    for (int i = 3; i < 1000; i++)
        assert_int_equal(take(&f, 0)->number, i);
    assert_null(take(&f, 0));
    assert_int_equal(f.count, 0);
    assert_int_equal(f.owner_count, 0);
}

static void
test_a_held_owner_waits_and_then_rests(void **state)
{
    struct thing things[3];
    struct fair f = {0};
    int64_t again;

    (void)state;
    add(&f, &things[0], 0, 0);
    add(&f, &things[1], 0, 1);
    assert_ptr_equal(take(&f, 100), &things[0]);
    fair_hold(&f, owners[0]);
    assert_null(fair_take(&f, 100, &again));
    assert_int_equal(again, 0); /* no owner is resting */
    add(&f, &things[2], 1, 2);
    assert_ptr_equal(take(&f, 100), &things[2]);
    fair_release(&f, owners[0], 300, 200);
    assert_null(fair_take(&f, 499, &again));
    assert_int_equal(again, 500);
    assert_ptr_equal(take(&f, 500), &things[1]);
    assert_int_equal(f.owner_count, 1); /* it has used some of its burst, and has no items */
    assert_null(fair_take(&f, 299 + 200 * FAIR_REST, &again));
    assert_int_equal(f.owner_count, 1);
    assert_null(fair_take(&f, 300 + 200 * FAIR_REST, &again));
    assert_int_equal(f.owner_count, 0);
}

/* One owner asks for items that take that long, one after the other; returns how many it gets. */
static int
ask_for(struct fair *f, int owner, int64_t took, int64_t from, int64_t to)
{
    int64_t now = from, again;
    struct thing thing;
    int count = 0;

    add(f, &thing, owner, 0);
    while (now < to) {
        if (fair_take(f, now, &again) == NULL) {
            now = again;
            continue;
        }
        fair_hold(f, owners[owner]);
        now += took;
        fair_release(f, owners[owner], now, took);
        count++;
        add(f, &thing, owner, 0);
    }
    fair_remove(f, &thing.item);
    return count;
}

/* Who never stops asking gets a burst and then a small part of the time; a pause restores it. */
static void
test_an_owner_who_never_stops_rests_for_longer(void **state)
{
    const int64_t took = 2500, second = 1000000;
    struct fair f = {0};
    int burst;

    (void)state;
    burst = ask_for(&f, 0, took, 0, second / 2);
    assert_in_range(burst, 95, 105); /* half of the time */
    assert_in_range(ask_for(&f, 0, took, 10 * second, 20 * second), 200, 240);
    assert_in_range(ask_for(&f, 0, took, 20 * second, 30 * second), 115, 125); /* 1 part in 33 */
    assert_in_range(ask_for(&f, 1, took, 29 * second, 29 * second + second / 2), 95, 105);
    assert_in_range(ask_for(&f, 0, took, 60 * second, 60 * second + second / 2), 95, 105);
    assert_in_range(ask_for(&f, 2, 50000, 0, 100 * second), 400, 410); /* 50 of 250 ms */
    fair_free(&f);
}

static void
test_an_item_can_be_taken_out(void **state)
{
    struct thing things[5];
    struct fair f = {0};

    (void)state;
    for (int i = 0; i < 5; i++)
        add(&f, &things[i], 0, i);
    fair_remove(&f, &things[0].item);
    fair_remove(&f, &things[2].item);
    fair_remove(&f, &things[4].item);
    fair_remove(&f, &things[4].item); /* it is not in the queue: does nothing */
    fair_add(&f, owners[1], &things[4].item);
    assert_ptr_equal(take(&f, 0), &things[1]);
    assert_ptr_equal(take(&f, 0), &things[4]);
    assert_ptr_equal(take(&f, 0), &things[3]);
    assert_null(take(&f, 0));
    fair_free(&f);
}

/* With random additions, takes and removals nothing is lost and nothing comes twice. */
static void
test_nothing_is_lost(void **state)
{
    static struct thing things[200];
    static bool waits[200];
    struct fair f = {0};
    uint32_t count = 0;
    struct thing *t;

    (void)state;
    for (int step = 0; step < 20000; step++) {
        uint32_t i = unit_random(200);

        if (!waits[i]) {
            add(&f, &things[i], (int)unit_random(4), (int)i);
            waits[i] = true;
            count++;
        } else if (unit_random(3) == 0) {
            fair_remove(&f, &things[i].item);
            waits[i] = false;
            count--;
        } else if ((t = take(&f, 0)) != NULL) {
            assert_true(waits[t->number]);
            waits[t->number] = false;
            count--;
        }
        assert_int_equal(f.count, count);
    }
    while ((t = take(&f, 0)) != NULL)
        count--;
    assert_int_equal(count, 0);
    fair_free(&f);
}

static void
test_a_bucket_leaks(void **state)
{
    static const struct bucket_size size = {20, 10};
    struct bucket b = {0};
    int64_t now = 5000000000000;

    (void)state;
    for (int i = 0; i < 20; i++)
        assert_true(bucket_take(&b, &size, 1, now));
    assert_false(bucket_take(&b, &size, 1, now));
    assert_false(bucket_take(&b, &size, 1, now + 99000));
    assert_true(bucket_take(&b, &size, 1, now + 100000));
    assert_false(bucket_take(&b, &size, 1, now + 100000));
    assert_true(bucket_take(&b, &size, 10, now + 1100000));
    assert_false(bucket_take(&b, &size, 1, now + 1100000));
    assert_true(
        bucket_take(&b, &size, 20, now + 1100000 + 1000000LL * 3600 * 24 * 60)); /* wrapped */
    assert_false(bucket_take(&b, &size, 21, now + 1100000 + 1000000LL * 3600 * 24 * 120));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owners_are_served_round_robin),
        cmocka_unit_test(test_a_held_owner_waits_and_then_rests),
        cmocka_unit_test(test_an_owner_who_never_stops_rests_for_longer),
        cmocka_unit_test(test_an_item_can_be_taken_out),
        cmocka_unit_test(test_nothing_is_lost),
        cmocka_unit_test(test_a_bucket_leaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
