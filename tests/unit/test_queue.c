/*
 * A session's queue between a topic and a socket that takes little.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/token.h"
#include "push/clients/auth.h"
#include "push/events/fanout.h"
#include "push/topics/hub.h"
#include "push/metrics.h"
#include "push/sources/reads.h"
#include "push/sources/reads_people.h"
#include "push/net/session.h"
#include "push/events/lifecycle.h"
#include "tests/unit/push_fixture.h"
#include "tests/unit/unit.h"

#define USER    "user:0123456789abcdef01234567"
#define COMINGS 200 /* sockets that a user may open one after the other at once */
#define KEY     "k 0000000000000000000000000000000000000000000000000000000000000001"
#define TOPIC   "project:0123456789abcdef01234567"

static struct topic *
open_topic(void)
{
    bool fresh;
    struct topic *t = hub_topic(TOPIC, &fresh);

    t->state = TOPIC_READY;
    t->rights.open = true;
    return t;
}

/* ------------------------------------------------------------ tests */

static const struct {
    const char *what;
    size_t before, after; /* bytes of the events around the large one */
} places[] = {
    {"a large event first", 0, 100},
    {"a large event behind a small one", 100, 100},
    {"a large event behind another", 3 * PUSH_QUEUE, 100},
};

/* It came back with `since`; what it missed holds an event larger than the queue may be. */
static void
test_a_large_event_does_not_bar_the_way_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(places) * 2; i++) {
        struct topic *t = open_topic();
        struct conn c = {.slow = i >= COUNT(places)};
        unsigned count = 2 + (places[i % COUNT(places)].before > 0);

        if (count == 3)
            push_add_event(t, places[i % COUNT(places)].before);
        push_add_event(t, 2 * PUSH_QUEUE);
        push_add_event(t, places[i % COUNT(places)].after);
        t->flushed = t->stream.head;
        push_connect(&c, USER);
        push_say(&c, "{\"op\":\"follow\",\"topic\":\"" TOPIC
                     "\",\"since\":\"deadbeef~p0123456789abcdef01234567.0\"}");
        for (int k = 0; k < 10; k++)
            push_drain(&c);
        if (c.session->code != 0 || c.frames != count + 1)
            unit_wrong("%s, %s socket: code %d, %u frames", places[i % COUNT(places)].what,
                       c.slow ? "slow" : "quick", c.session->code, c.frames);
        push_disconnect(&c);
        hub_forget(t);
    }
    unit_rows_done();
}

/* A live event that finds a small one waiting, and a socket that takes it, is no reason to end. */
static void
test_what_waits_is_written_before_a_session_is_cut(void **state)
{
    struct topic *t = open_topic();
    struct conn c = {0};

    (void)state;
    push_connect(&c, USER);
    push_say(&c, "{\"op\":\"follow\",\"topic\":\"" TOPIC "\"}");
    c.busy = true;
    for (int i = 0; i < 6; i++) {
        push_add_event(t, PUSH_QUEUE / 8);
        fanout_now(t);
    }
    c.busy = false; /* the kernel took it; lws has not called yet */
    push_add_event(t, PUSH_QUEUE / 2);
    fanout_now(t);
    assert_int_equal(c.session->code, 0);
    push_drain(&c);
    assert_int_equal(c.frames, 1 + 6 + 1);
    push_disconnect(&c);
    hub_forget(t);
}

/* Who takes nothing is cut when its queue is full, and holds nothing any more. */
static void
test_a_full_queue_is_the_end(void **state)
{
    struct topic *t = open_topic();
    struct conn c = {0};

    (void)state;
    push_connect(&c, USER);
    push_say(&c, "{\"op\":\"follow\",\"topic\":\"" TOPIC "\"}");
    c.busy = true;
    for (int i = 0; i < 40; i++) {
        push_add_event(t, PUSH_QUEUE / 32);
        fanout_now(t);
    }
    assert_int_equal(c.session->code, CLOSE_OVER_LIMIT);
    assert_non_null(c.session->follows); /* closing marks; */
    push_run();
    assert_null(c.session->follows); /* the end of the turn frees */
    assert_int_equal(c.session->outbox.count, 0);
    assert_int_equal(metrics[METRIC_QUEUE_BYTES], 0);
    push_disconnect(&c);
    hub_forget(t);
}

/* What the database would be asked. */
static struct check *checked;
static struct load *loaded[8];
static int load_count;

void __wrap_reads_people_check(struct check *check);
void
__wrap_reads_people_check(struct check *check)
{
    checked = check;
}

void __wrap_reads_load(struct load *load);
void
__wrap_reads_load(struct load *load)
{
    loaded[load_count++] = load;
}

/* After a restore a session that is READY may never have been: it is checked once more. */
static void
test_a_new_epoch_checks_sessions_again(void **state)
{
    static const char *const answers[] = {"ended", "lives", "the database is away, then ended"};

    (void)state;
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct conn c = {0};
        char epoch[] = "0000000?";

        push_connect(&c, USER);
        epoch[7] = (char)('1' + i);
        lifecycle_set_epoch(epoch);
        assert_non_null(checked);
        assert_int_equal(checked->count, 1);
        if (i == 2) {
            checked->job.err = ERR_STORE;
            checked->job.done(&checked->job);
            checked = NULL;
            auth_tick();
            assert_non_null(checked);
        }
        checked->items[0].alive = i == 1;
        checked->job.err = ERR_NONE;
        checked->job.done(&checked->job);
        checked = NULL;
        if (c.session->code != (i == 1 ? 0 : CLOSE_UNAUTHORISED))
            unit_wrong("%s: code %d", answers[i], c.session->code);
        push_disconnect(&c);
    }
    while (load_count > 0)
        free(loaded[--load_count]);
    unit_rows_done();
}

/* Sockets cost their user something, so that who opens and closes them without end is refused. */
static void
test_a_user_who_comes_and_goes_is_refused(void **state)
{
    struct token token = {.user = "00000000000000000000000b",
                          .session = "00000000000000000000000c",
                          .expires = INT32_MAX};
    char text[1024], *jwt = token_sign(&token);
    int opened = 0;

    (void)state;
    snprintf(text, sizeof(text), "{\"op\":\"hello\",\"token\":\"%s\"}", jwt);
    free(jwt);
    for (int i = 0; i < 2 * COMINGS; i++) {
        struct conn c = {0};

        c.session = session_open(&c);
        push_say(&c, text);
        opened += c.session->code == 0;
        if (c.session->code != 0)
            assert_int_equal(c.session->code, CLOSE_OVER_LIMIT);
        push_disconnect(&c);
    }
    assert_true(opened >= COMINGS && opened < 2 * COMINGS);
    while (load_count > 0)
        free(loaded[--load_count]);
}

static int
open_all(void **state)
{
    return token_open(KEY) == ERR_NONE ? push_open(state) : -1;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_large_event_does_not_bar_the_way_back),
        cmocka_unit_test(test_what_waits_is_written_before_a_session_is_cut),
        cmocka_unit_test(test_a_full_queue_is_the_end),
        cmocka_unit_test(test_a_new_epoch_checks_sessions_again),
        cmocka_unit_test(test_a_user_who_comes_and_goes_is_refused),
    };

    return cmocka_run_group_tests(tests, open_all, push_close);
}
