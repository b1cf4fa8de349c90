/*
 * Topics, follows, rights, queues of frames.
 */
#include "push/topics/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "push/base/frame.h"
#include "push/base/outbox.h"
#include "tests/unit/unit.h"

static struct topic *
topic(int n)
{
    char name[EVENT_TOPIC];
    bool fresh;

    snprintf(name, sizeof(name), "project:%024x", (unsigned)n);
    return hub_topic(name, &fresh);
}

static void
test_a_topic_is_created_once_and_found_by_name(void **state)
{
    bool fresh;
    struct topic *t = hub_topic("everyone", &fresh), *all[2000];
    uint32_t bucket = 0, count = 0;

    (void)state;
    assert_true(fresh);
    assert_ptr_equal(hub_topic("everyone", &fresh), t);
    assert_false(fresh);
    assert_ptr_equal(hub_find("everyone and more", 8), t);
    assert_null(hub_find("everyon", 7));
    assert_null(hub_find("everyone and more", 12));
    for (int i = 0; i < 2000; i++)
        all[i] = topic(i);
    for (int i = 0; i < 2000; i++)
        assert_ptr_equal(topic(i), all[i]);
    for (struct topic *each = NULL; (each = hub_next(&bucket, each)) != NULL;)
        count++;
    assert_int_equal(count, 2001);
    for (int i = 0; i < 2000; i += 2)
        hub_forget(all[i]);
    assert_int_equal(hub_count(), 1001);
    assert_ptr_equal(topic(3), all[3]);
    hub_close();
    assert_int_equal(hub_count(), 0);
}

/* After any moves and removals each list contains each of its follows once, at its index. */
static void
test_lists_of_follows_stay_consistent(void **state)
{
    struct topic *t = topic(1);
    struct follow *all[200] = {NULL};

    (void)state;
    for (int step = 0; step < 20000; step++) {
        int i = (int)unit_random(200);

        if (all[i] == NULL)
            all[i] = hub_follow(t, (struct session *)&all[i],
                                (enum follow_state)unit_random(FOLLOW_STATE__COUNT));
        else if (unit_random(3) == 0) {
            hub_unfollow(all[i]);
            all[i] = NULL;
        } else {
            hub_move(all[i], (enum follow_state)unit_random(FOLLOW_STATE__COUNT));
        }
        if (step % 100 == 0) {
            uint32_t count = 0;

            for (i = 0; i < 200; i++) {
                if (all[i] == NULL) {
                    assert_null(hub_find_follow(t, (struct session *)&all[i]));
                    continue;
                }
                count++;
                assert_ptr_equal(t->follows[all[i]->state].at[all[i]->index], all[i]);
                assert_ptr_equal(hub_find_follow(t, (struct session *)&all[i]), all[i]);
            }
            assert_int_equal(hub_follows(t), count);
        }
    }
    for (int i = 0; i < 200; i++)
        if (all[i] != NULL)
            hub_unfollow(all[i]);
    hub_close();
}

static void
test_who_may_see_what(void **state)
{
    unsigned char anna[12] = "anna", ben[12] = "ben";
    struct topic *t = topic(7), *own;
    char name[EVENT_TOPIC] = "user:616e6e610000000000000000";
    bool fresh;

    (void)state;
    assert_false(hub_may(t, anna));
    rights_add(&t->rights, anna);
    rights_add(&t->rights, anna);
    assert_true(hub_may(t, anna));
    assert_false(hub_may(t, ben));
    t->rights.open = true;
    assert_true(hub_may(t, ben));
    t->rights.trashed = true;
    assert_false(hub_may(t, ben));
    assert_true(hub_may(t, anna));
    t->rights.trashed = false;
    t->missing = true;
    assert_false(hub_may(t, anna));
    t->missing = t->rights.open = false;
    rights_remove(&t->rights, ben);
    rights_remove(&t->rights, anna);
    assert_false(hub_may(t, anna));
    own = hub_topic(name, &fresh);
    assert_true(hub_may(own, anna));
    assert_false(hub_may(own, ben));
    hub_close();
}

static void
test_members_are_sorted_and_unique(void **state)
{
    struct rights r = {0};
    bool in[256] = {false};

    (void)state;
    for (int i = 0; i < 20000; i++) {
        unsigned char id[12] = {0};
        uint32_t n = unit_random(256);

        id[unit_random(2) * 11] = (unsigned char)n;
        if (id[0] == 0)
            continue;
        if (unit_random(2) == 0)
            rights_add(&r, id);
        else
            rights_remove(&r, id);
        in[id[0]] = rights_may(&r, id);
    }
    for (int i = 1; i < 256; i++) {
        unsigned char id[12] = {(unsigned char)i};

        assert_int_equal(rights_may(&r, id), in[i]);
    }
    for (uint32_t i = 1; i < r.count; i++)
        assert_true(memcmp(r.ids[i - 1], r.ids[i], 12) < 0);
    rights_free(&r);
}

static void
test_an_outbox_returns_its_frames_in_order_and_in_large_pieces(void **state)
{
    struct outbox box = {0};
    unsigned char room[1000];
    uint32_t put = 0, got = 0;

    (void)state;
    while (got < 5000) {
        if (put < 5000 && unit_random(3) > 0) {
            char text[2000];
            uint32_t len = unit_random(30) == 0 ? 1500 : 4 + unit_random(100);
            struct frame *f;

            memset(text, 'x', sizeof(text));
            memcpy(text, &put, 4);
            f = frame_new(text, len);
            outbox_add(&box, f);
            frame_drop(f);
            put++;
        } else {
            const unsigned char *bytes;
            uint32_t count;
            size_t len = outbox_gather(&box, room, sizeof(room), &bytes, &count), at = 0;

            for (uint32_t i = 0; i < count; i++, got++) {
                size_t head = bytes[at + 1] < 126 ? 2 : 4;
                size_t text =
                    head == 2 ? bytes[at + 1] : (size_t)(bytes[at + 2] << 8 | bytes[at + 3]);

                assert_int_equal(bytes[at], 0x81);
                assert_memory_equal(bytes + at + head, &got, 4);
                at += head + text;
            }
            assert_int_equal(at, len);
            outbox_drop(&box, count);
        }
    }
    assert_int_equal(box.bytes, 0);
    assert_null(box.ring);
}

static void
test_a_frame_has_the_header_of_its_length(void **state)
{
    const struct {
        size_t len;
        unsigned char head[10];
        uint32_t size;
    } rows[] = {
        {0, {0x81, 0}, 2},
        {125, {0x81, 125}, 2},
        {126, {0x81, 126, 0, 126}, 4},
        {65535, {0x81, 126, 255, 255}, 4},
        {65536, {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}, 10},
    };
    char *text = calloc(1, 65536);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct frame *f = frame_new(text, rows[i].len);

        if (f->head != rows[i].size || f->len != rows[i].size + rows[i].len ||
            memcmp(f->bytes, rows[i].head, f->head) != 0)
            unit_wrong("the header of %zu bytes", rows[i].len);
        frame_drop(f);
    }
    free(text);
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_topic_is_created_once_and_found_by_name),
        cmocka_unit_test(test_lists_of_follows_stay_consistent),
        cmocka_unit_test(test_who_may_see_what),
        cmocka_unit_test(test_members_are_sorted_and_unique),
        cmocka_unit_test(test_an_outbox_returns_its_frames_in_order_and_in_large_pieces),
        cmocka_unit_test(test_a_frame_has_the_header_of_its_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
