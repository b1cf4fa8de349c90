/*
 * A topic's order: the next event, early and old ones, and the ring of the newest.
 */
#include "push/base/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "push/base/arrival.h"
#include "push/base/frame.h"
#include "tests/unit/unit.h"

static struct arrival
event(int64_t seq, size_t len)
{
    char *text = calloc(1, len + 32);
    struct arrival h = {.seq = seq};

    snprintf(text, 32, "%lld", (long long)seq);
    h.frame = frame_new(text, len <= strlen(text) ? strlen(text) + 1 : len); /* with its NUL */
    free(text);
    return h;
}

/* Checks an event, relays those that are next, and drops the test's reference. */
static enum stream_answer
take(struct stream *s, int64_t seq, size_t len)
{
    struct arrival h = event(seq, len), early;
    enum stream_answer answer = stream_classify(s, &h);

    if (answer == STREAM_NEXT)
        stream_add(s, h.frame);
    frame_drop(h.frame);
    while (stream_early_next(s, &early)) {
        stream_add(s, early.frame);
        frame_drop(early.frame);
    }
    return answer;
}

static long long
number_at(const struct stream *s, int64_t seq)
{
    const struct frame *f = stream_at(s, seq);

    return f == NULL ? -1 : atoll((const char *)f->bytes + f->head);
}

static void
test_the_next_is_relayed_early_ones_wait_old_ones_are_dropped(void **state)
{
    struct stream s = {0};

    (void)state;
    stream_start(&s, 10);
    assert_int_equal(take(&s, 11, 0), STREAM_NEXT);
    assert_int_equal(take(&s, 13, 0), STREAM_EARLY_ONE);
    assert_int_equal(take(&s, 15, 0), STREAM_EARLY_ONE);
    assert_int_equal(take(&s, 14, 0), STREAM_EARLY_ONE);
    assert_int_equal(take(&s, 14, 0), STREAM_EARLY_ONE);
    assert_int_equal(take(&s, 11, 0), STREAM_OLD);
    assert_int_equal(s.head, 11);
    assert_int_equal(s.seen, 15);
    assert_int_equal(take(&s, 12, 0), STREAM_NEXT);
    assert_int_equal(s.head, 15);
    for (int64_t seq = 11; seq <= 15; seq++)
        assert_int_equal(number_at(&s, seq), seq);
    assert_null(stream_at(&s, 10));
    assert_null(stream_at(&s, 16));
    stream_free(&s);
}

static void
test_events_arriving_in_any_order_leave_in_order_and_once(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct stream s = {0};
        int64_t order[50];

        stream_start(&s, 100);
        for (int i = 0; i < 50; i++)
            order[i] = 101 + i;
        for (int i = 49; i > 0; i--) {
            uint32_t k = unit_random((uint32_t)i + 1);
            int64_t swap = order[i];

            order[i] = order[k];
            order[k] = swap;
        }
        for (int i = 0; i < 50; i++)
            take(&s, order[i], 0);
        assert_int_equal(s.head, 150);
        assert_int_equal(s.early_count, 0);
        for (int64_t seq = 101; seq <= 150; seq++)
            assert_int_equal(number_at(&s, seq), seq);
        stream_free(&s);
    }
}

static void
test_too_many_early_events_are_left_to_the_log(void **state)
{
    struct stream s = {0};

    (void)state;
    stream_start(&s, 0);
    for (int64_t seq = 2; seq < 2 + 2 * STREAM_EARLY; seq++)
        assert_int_equal(take(&s, seq, 0), STREAM_EARLY_ONE);
    assert_int_equal(s.early_count, STREAM_EARLY);
    assert_int_equal(s.seen, 1 + 2 * STREAM_EARLY);
    assert_int_equal(take(&s, 1, 0), STREAM_NEXT);
    assert_int_equal(s.head, 1 + STREAM_EARLY);
    stream_free(&s);
}

static void
test_a_false_number_is_forgotten(void **state)
{
    struct stream s = {0};

    (void)state;
    stream_start(&s, 5);
    take(&s, 7, 0);
    take(&s, 900, 0);
    stream_doubt(&s, 7);
    assert_int_equal(s.seen, 7);
    assert_int_equal(take(&s, 6, 0), STREAM_NEXT);
    assert_int_equal(s.head, 7);
    stream_doubt(&s, 3);
    assert_int_equal(s.seen, 7);
    stream_free(&s);
}

static void
test_the_ring_keeps_the_newest_by_count_and_by_bytes(void **state)
{
    struct stream s = {0};

    (void)state;
    stream_start(&s, 0);
    for (int64_t seq = 1; seq <= 3000; seq++)
        take(&s, seq, 0);
    assert_int_equal(s.count, STREAM_FRAMES);
    assert_int_equal(stream_oldest(&s), 3001 - STREAM_FRAMES);
    assert_int_equal(number_at(&s, 3000), 3000);
    assert_int_equal(number_at(&s, 3001 - STREAM_FRAMES), 3001 - STREAM_FRAMES);
    for (int64_t seq = 3001; seq <= 3030; seq++) {
        take(&s, seq, STREAM_BYTES / 10);
        assert_true(s.bytes <= STREAM_BYTES);
    }
    assert_true(s.count < 20);
    take(&s, 3031, 2 * STREAM_BYTES); /* one that is larger than the ring is kept alone */
    assert_int_equal(s.count, 1);
    assert_int_equal(number_at(&s, 3031), 3031);
    stream_free(&s);
}

static void
test_older_events_are_put_before_the_oldest(void **state)
{
    struct stream s = {0};
    int64_t seq = 2000;

    (void)state;
    stream_start(&s, 2000);
    for (;; seq--) {
        struct arrival h = event(seq, 0);
        bool kept = stream_prepend(&s, h.frame);

        frame_drop(h.frame);
        if (!kept)
            break;
    }
    assert_int_equal(seq, 2000 - STREAM_FRAMES);
    assert_int_equal(stream_oldest(&s), 2001 - STREAM_FRAMES);
    assert_int_equal(number_at(&s, 1500), 1500);
    take(&s, 2001, 0);
    assert_int_equal(number_at(&s, 2001), 2001);
    assert_null(stream_at(&s, 2001 - STREAM_FRAMES));
    stream_free(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_next_is_relayed_early_ones_wait_old_ones_are_dropped),
        cmocka_unit_test(test_events_arriving_in_any_order_leave_in_order_and_once),
        cmocka_unit_test(test_too_many_early_events_are_left_to_the_log),
        cmocka_unit_test(test_a_false_number_is_forgotten),
        cmocka_unit_test(test_the_ring_keeps_the_newest_by_count_and_by_bytes),
        cmocka_unit_test(test_older_events_are_put_before_the_oldest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
