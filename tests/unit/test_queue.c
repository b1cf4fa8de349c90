/*
 * A session's queue between a topic and a socket that takes little.
 */
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/text.h"
#include "common/token.h"
#include "push/all.h"
#include "push/follow.h"
#include "push/frame.h"
#include "push/hub.h"
#include "push/metrics.h"
#include "push/ops.h"
#include "push/presence.h"
#include "push/reads.h"
#include "push/relay.h"
#include "push/repair.h"
#include "push/server.h"
#include "push/session.h"
#include "push/topics.h"
#include "push/who.h"
#include "tests/unit/unit.h"

#define QUEUE   65536
#define COMINGS 200 /* sockets that a user may open one after the other at once */
#define KEY     "k 0000000000000000000000000000000000000000000000000000000000000001"
#define TOPIC   "project:0123456789abcdef01234567"

static struct ev_loop *loop;

/* ------------------------------------------------------------ a socket */

struct conn {
    struct session *session;
    bool busy;   /* holds an earlier write */
    bool slow;   /* is busy after every write */
    bool waking; /* wants session_writable() */
    size_t bytes;
    unsigned frames;
};

bool
server_busy(const struct conn *c)
{
    return c->busy;
}

void
server_write(struct conn *c, const unsigned char *bytes, size_t len)
{
    assert_false(c->busy);
    c->bytes += len;
    c->busy = c->slow;
    while (len > 0) {
        size_t head = bytes[1] < 126    ? 2
                      : bytes[1] == 126 ? 4
                                        : 10,
               text = head == 2 ? bytes[1] : 0;

        for (size_t i = 2; i < head; i++)
            text = text << 8 | bytes[i];
        c->frames++;
        bytes += head + text;
        len -= head + text;
    }
}

void
server_wake(struct conn *c)
{
    c->waking = true;
}

void
server_ping(struct conn *c)
{
    (void)c;
}

void
server_kill(struct conn *c)
{
    (void)c;
}

/* The kernel has taken what the socket held; what waits is written. */
static void
take(struct conn *c)
{
    c->busy = false;
    for (int i = 0; i < 100 && c->waking && !c->busy && c->session->code == 0; i++) {
        c->waking = false;
        assert_true(session_writable(c->session));
    }
}

static void
turn_ends(void)
{
    ev_run(loop, EVRUN_NOWAIT);
}

/* ------------------------------------------------------------ what is followed */

static void
add_event(struct topic *t, size_t len)
{
    struct text text = {0};
    struct frame *f;

    text_puts(&text, "{\"op\":\"event\",\"pad\":\"");
    while (text.len < len)
        text_putc(&text, 'x');
    text_puts(&text, "\"}");
    f = frame_new(text.bytes, text.len);
    stream_add(&t->stream, f);
    frame_drop(f);
    text_free(&text);
}

static struct topic *
open_topic(void)
{
    bool fresh;
    struct topic *t = hub_topic(TOPIC, &fresh);

    t->state = TOPIC_READY;
    t->rights.open = true;
    return t;
}

static void
connect_session(struct conn *c)
{
    bool fresh;
    struct topic *own = hub_topic("user:0123456789abcdef01234567", &fresh);

    own->state = TOPIC_READY;
    c->session = session_open(c);
    c->session->own = follow_begin(c->session, own, PLACE_QUIET, FOLLOW_OWN);
    session_ready(c->session);
}

static void
disconnect(struct conn *c)
{
    session_gone(c->session);
    turn_ends();
}

static void
say(struct conn *c, const char *text)
{
    session_receive(c->session, text, strlen(text), false);
}

/* ------------------------------------------------------------ tests */

static const struct {
    const char *what;
    size_t before, after; /* bytes of the events around the large one */
} places[] = {
    {"a large event first", 0, 100},
    {"a large event behind a small one", 100, 100},
    {"a large event behind another", 3 * QUEUE, 100},
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
            add_event(t, places[i % COUNT(places)].before);
        add_event(t, 2 * QUEUE);
        add_event(t, places[i % COUNT(places)].after);
        t->flushed = t->stream.head;
        connect_session(&c);
        say(&c, "{\"op\":\"follow\",\"topic\":\"" TOPIC
                "\",\"since\":\"deadbeef~p0123456789abcdef01234567.0\"}");
        for (int k = 0; k < 10; k++)
            take(&c);
        if (c.session->code != 0 || c.frames != count + 1)
            unit_wrong("%s, %s socket: code %d, %u frames", places[i % COUNT(places)].what,
                       c.slow ? "slow" : "quick", c.session->code, c.frames);
        disconnect(&c);
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
    connect_session(&c);
    say(&c, "{\"op\":\"follow\",\"topic\":\"" TOPIC "\"}");
    c.busy = true;
    for (int i = 0; i < 6; i++) {
        add_event(t, QUEUE / 8);
        relay_flush(t);
    }
    c.busy = false; /* the kernel took it; lws has not called yet */
    add_event(t, QUEUE / 2);
    relay_flush(t);
    assert_int_equal(c.session->code, 0);
    take(&c);
    assert_int_equal(c.frames, 1 + 6 + 1);
    disconnect(&c);
    hub_forget(t);
}

/* Who takes nothing is cut when its queue is full, and holds nothing any more. */
static void
test_a_full_queue_is_the_end(void **state)
{
    struct topic *t = open_topic();
    struct conn c = {0};

    (void)state;
    connect_session(&c);
    say(&c, "{\"op\":\"follow\",\"topic\":\"" TOPIC "\"}");
    c.busy = true;
    for (int i = 0; i < 40; i++) {
        add_event(t, QUEUE / 32);
        relay_flush(t);
    }
    assert_int_equal(c.session->code, CLOSE_OVER_LIMIT);
    assert_non_null(c.session->follows); /* closing marks; */
    turn_ends();
    assert_null(c.session->follows); /* the end of the turn frees */
    assert_int_equal(c.session->outbox.count, 0);
    assert_int_equal(metrics[METRIC_QUEUE_BYTES], 0);
    disconnect(&c);
    hub_forget(t);
}

/* What the database would be asked. */
static struct check *checked;
static struct load *loaded[8];
static int load_count;

void __wrap_reads_check(struct check *check);
void
__wrap_reads_check(struct check *check)
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

        connect_session(&c);
        epoch[7] = (char)('1' + i);
        topics_set_epoch(epoch);
        assert_non_null(checked);
        assert_int_equal(checked->count, 1);
        if (i == 2) {
            checked->job.err = ERR_STORE;
            checked->job.done(&checked->job);
            checked = NULL;
            who_tick();
            assert_non_null(checked);
        }
        checked->items[0].alive = i == 1;
        checked->job.err = ERR_NONE;
        checked->job.done(&checked->job);
        checked = NULL;
        if (c.session->code != (i == 1 ? 0 : CLOSE_UNAUTHORISED))
            unit_wrong("%s: code %d", answers[i], c.session->code);
        disconnect(&c);
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
        say(&c, text);
        opened += c.session->code == 0;
        if (c.session->code != 0)
            assert_int_equal(c.session->code, CLOSE_OVER_LIMIT);
        disconnect(&c);
    }
    assert_true(opened >= COMINGS && opened < 2 * COMINGS);
    while (load_count > 0)
        free(loaded[--load_count]);
}

static int
open_all(void **state)
{
    static const struct config config = {.push_queue_bytes = QUEUE,
                                         .push_hello_seconds = 1000,
                                         .push_heartbeat_seconds = 25,
                                         .push_user_sockets = 50,
                                         .push_presence_seconds = 30};

    (void)state;
    loop = ev_default_loop(0);
    sessions_open(loop, &config);
    repair_open(loop);
    presence_open(loop, &config);
    all_open(loop);
    relay_open(loop);
    who_open(&config);
    ops_open(&config);
    if (token_open(KEY) != ERR_NONE)
        return -1;
    topics_set_epoch("deadbeef");
    return 0;
}

static int
close_all(void **state)
{
    (void)state;
    sessions_stop();
    who_close();
    all_close();
    presence_close();
    repair_close();
    relay_close();
    hub_close();
    ev_loop_destroy(loop);
    return 0;
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

    return cmocka_run_group_tests(tests, open_all, close_all);
}
