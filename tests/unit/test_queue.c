/*
 * A session's queue between a topic and a socket that does not take everything.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/secrets/token.h"
#include "push/clients/auth.h"
#include "push/events/fanout.h"
#include "push/events/lifecycle.h"
#include "push/metrics.h"
#include "push/net/session.h"
#include "push/sources/reads.h"
#include "push/sources/reads_people.h"
#include "push/topics/hub.h"
#include "tests/unit/push_fixture.h"
#include "tests/unit/unit.h"

#define USER     "user:0123456789abcdef01234567"
#define ARRIVALS 200 /* sockets that a user may open one after the other at once */
#define KEY      "k 0000000000000000000000000000000000000000000000000000000000000001"
#define TOPIC    "project:0123456789abcdef01234567"

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
    {"a large event after a small one", 100, 100},
    {"a large event after another", 3 * PUSH_QUEUE, 100},
};

/* A client resumes, and one of the events it missed is larger than the queue may be. */
static void
test_a_large_event_does_not_prevent_resuming(void **state)
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

/* A client that takes nothing follows the topic, and so many events of that size come. */
static void
follow_busily(struct topic *t, struct conn *c, int events, size_t size)
{
    push_connect(c, USER);
    push_say(c, "{\"op\":\"follow\",\"topic\":\"" TOPIC "\"}");
    c->busy = true;
    for (int i = 0; i < events; i++) {
        push_add_event(t, size);
        fanout_now(t);
    }
}

/*
 * A live event that does not fit into the queue does not close the session if the socket takes the
 * queue.
 */
static void
test_the_queue_is_written_before_a_session_is_closed(void **state)
{
    struct topic *t = open_topic();
    struct conn c = {0};

    (void)state;
    follow_busily(t, &c, 6, PUSH_QUEUE / 8);
    c.busy = false; /* the kernel has taken it, but lws has not reported that yet */
    push_add_event(t, PUSH_QUEUE / 2);
    fanout_now(t);
    assert_int_equal(c.session->code, 0);
    push_drain(&c);
    assert_int_equal(c.frames, 1 + 6 + 1);
    push_disconnect(&c);
    hub_forget(t);
}

/* A client that takes nothing is closed when its queue is full, and then holds no memory. */
static void
test_a_full_queue_closes_the_session_and_frees_everything(void **state)
{
    struct topic *t = open_topic();
    struct conn c = {0};

    (void)state;
    follow_busily(t, &c, 40, PUSH_QUEUE / 32);
    assert_int_equal(c.session->code, CLOSE_OVER_LIMIT);
    assert_non_null(c.session->follows); /* closing only marks; */
    push_run();
    assert_null(c.session->follows); /* the end of the iteration frees */
    assert_int_equal(c.session->outbox.count, 0);
    assert_int_equal(metrics[METRIC_QUEUE_BYTES], 0);
    push_disconnect(&c);
    hub_forget(t);
}

/* The queries, which the tests answer. */
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

/* After a restore, sessions that are READY are checked again: they may not exist any more. */
static void
test_a_new_epoch_checks_sessions_again(void **state)
{
    static const char *const answers[] = {"ended", "valid",
                                          "the database is unavailable, then ended"};

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

/* Each socket takes from the quota of its user. */
static void
test_a_user_who_reconnects_without_end_is_refused(void **state)
{
    struct token token = {.user = "00000000000000000000000b",
                          .session = "00000000000000000000000c",
                          .expires = INT32_MAX};
    char text[1024], *jwt = token_sign(&token);
    int opened = 0;

    (void)state;
    snprintf(text, sizeof(text), "{\"op\":\"hello\",\"token\":\"%s\"}", jwt);
    free(jwt);
    for (int i = 0; i < 2 * ARRIVALS; i++) {
        struct conn c = {0};

        c.session = session_open(&c);
        push_say(&c, text);
        opened += c.session->code == 0;
        if (c.session->code != 0)
            assert_int_equal(c.session->code, CLOSE_OVER_LIMIT);
        push_disconnect(&c);
    }
    assert_true(opened >= ARRIVALS && opened < 2 * ARRIVALS);
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
        cmocka_unit_test(test_a_large_event_does_not_prevent_resuming),
        cmocka_unit_test(test_the_queue_is_written_before_a_session_is_closed),
        cmocka_unit_test(test_a_full_queue_closes_the_session_and_frees_everything),
        cmocka_unit_test(test_a_new_epoch_checks_sessions_again),
        cmocka_unit_test(test_a_user_who_reconnects_without_end_is_refused),
    };

    return cmocka_run_group_tests(tests, open_all, push_close);
}
