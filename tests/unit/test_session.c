/*
 * session.c alone: between a fake server below and fake calls above.
 */
#include "push/net/session.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/time/clock.h"
#include "push/base/frame.h"
#include "push/metrics.h"
#include "tests/unit/push_fixture.h"
#include "tests/unit/unit.h"

#define HEARTBEAT 5 /* seconds; also the ticks of one round */

/* ------------------------------------------------------------ the calls above */

static struct {
    int opened, rooms, released; /* how often each was called */
    char message[64];            /* the last one */
    bool binary;
    uint32_t follows; /* that release() still has to end */
    bool close_in_message;
} above;

static void
opened(struct session *s)
{
    (void)s;
    above.opened++;
}

static void
message(struct session *s, const char *bytes, size_t len, bool binary)
{
    snprintf(above.message, sizeof(above.message), "%.*s", (int)len, bytes);
    above.binary = binary;
    if (above.close_in_message)
        session_close(s, CLOSE_FORBIDDEN, "test");
}

static void
has_room(struct session *s)
{
    (void)s;
    above.rooms++;
}

static bool
release(struct session *s, uint32_t *budget)
{
    uint32_t now = above.follows < *budget ? above.follows : *budget;

    (void)s;
    above.released++;
    above.follows -= now;
    *budget -= now;
    return above.follows == 0;
}

static const struct session_calls calls = {opened, message, has_room, release};

/* ------------------------------------------------------------ helpers */

static int
open_sessions(void **state)
{
    static struct config config;

    (void)state;
    config = push_config;
    config.push_heartbeat_seconds = HEARTBEAT;
    push_loop = ev_default_loop(0);
    sessions_open(push_loop, &config, &calls);
    return 0;
}

static int
close_sessions(void **state)
{
    (void)state;
    sessions_stop();
    return 0;
}

static struct session *
start(struct conn *c)
{
    memset(&above, 0, sizeof(above));
    c->session = session_open(c);
    c->session->expires = INT32_MAX;
    session_ready(c->session);
    return c->session;
}

static void
finish(struct conn *c)
{
    session_gone(c->session);
    push_run();
    assert_int_equal(metrics[METRIC_SOCKETS], 0);
    assert_int_equal(metrics[METRIC_SESSIONS], 0);
    assert_int_equal(metrics[METRIC_QUEUE_BYTES], 0);
}

static struct frame *
frame_of(size_t len)
{
    char *text = calloc(1, len + 1);
    struct frame *f;

    memset(text, 'x', len);
    f = frame_new(text, len);
    free(text);
    return f;
}

static void
send_bytes(struct session *s, size_t len)
{
    session_send(s, frame_of(len));
}

static uint16_t
writable(struct conn *c)
{
    const char *reason = NULL;
    uint16_t code;

    c->busy = c->waking = false;
    code = session_writable(c->session, &reason);
    if (code != 0)
        assert_non_null(reason);
    return code;
}

/* ------------------------------------------------------------ tests */

static void
test_messages_go_up_until_the_session_closes(void **state)
{
    struct conn c = {0};
    struct session *s = start(&c);

    (void)state;
    assert_int_equal(above.opened, 1);
    session_receive(s, "hello", 5, true);
    assert_string_equal(above.message, "hello");
    assert_true(above.binary);
    above.close_in_message = true;
    session_receive(s, "last", 4, false);
    session_receive(s, "late", 4, false);
    assert_string_equal(above.message, "last");
    assert_int_equal(s->code, CLOSE_FORBIDDEN);
    finish(&c);
}

static void
test_a_frame_is_written_at_once_or_queued_in_order(void **state)
{
    struct conn c = {0};
    struct session *s = start(&c);

    (void)state;
    send_bytes(s, 10);
    assert_int_equal(c.frames, 1);
    assert_int_equal(s->outbox.count, 0);
    c.busy = true;
    for (int i = 0; i < 3; i++)
        send_bytes(s, 10);
    assert_int_equal(s->outbox.count, 3);
    assert_true(c.waking);
    c.busy = false;
    send_bytes(s, 10); /* not before those that are queued */
    assert_int_equal(c.frames, 1);
    assert_int_equal(writable(&c), 0);
    assert_int_equal(c.frames, 5);
    finish(&c);
}

static void
test_a_full_queue_closes_the_session(void **state)
{
    struct conn c = {.busy = true};
    struct session *s = start(&c);

    (void)state;
    send_bytes(s, 3 * PUSH_QUEUE); /* an empty queue takes a frame of any size */
    assert_int_equal(s->code, 0);
    send_bytes(s, 1);
    assert_int_equal(s->code, CLOSE_OVER_LIMIT);
    assert_int_equal(s->outbox.count, 1); /* closing only marks */
    push_run();
    assert_int_equal(s->outbox.count, 0); /* its close frame must not wait behind the queue */
    assert_int_equal(writable(&c), CLOSE_OVER_LIMIT);
    finish(&c);
}

static void
test_a_replay_queues_until_the_low_water_mark_and_never_closes(void **state)
{
    struct conn c = {.busy = true};
    struct session *s = start(&c);
    struct frame *f = frame_of(PUSH_QUEUE / 8);
    unsigned queued = 0;

    (void)state;
    while (session_has_room(s) && session_queue(s, f))
        queued++;
    assert_int_equal(queued, 2); /* a quarter of the queue */
    while (session_queue(s, f))
        queued++;
    assert_int_equal(queued, 7);
    assert_int_equal(s->code, 0);
    s->behind = 1;
    assert_int_equal(writable(&c), 0);
    assert_int_equal(c.frames, queued);
    assert_int_equal(above.rooms, 1);
    s->behind = 0;
    frame_drop(f);
    finish(&c);
}

static void
test_closing_only_marks_until_the_iteration_ends(void **state)
{
    struct conn c = {.busy = true};
    struct session *s = start(&c);

    (void)state;
    above.follows = 3;
    send_bytes(s, 10);
    session_close(s, CLOSE_RESTART, "first");
    session_close(s, CLOSE_UNAUTHORISED, "second");
    assert_int_equal(s->code, CLOSE_RESTART); /* the first one counts */
    send_bytes(s, 10);
    assert_int_equal(s->outbox.count, 1); /* nothing more for it */
    assert_int_equal(above.released, 0);
    assert_int_equal(writable(&c), 0); /* not before its follows have ended */
    push_run();
    assert_int_equal(above.released, 1);
    assert_int_equal(above.follows, 0);
    assert_int_equal(writable(&c), CLOSE_RESTART);
    assert_int_equal(c.frames, 1); /* what was queued comes before the close frame */
    finish(&c);
}

static void
test_who_is_not_authorised_gets_nothing_that_is_queued(void **state)
{
    struct conn c = {.busy = true};
    struct session *s = start(&c);

    (void)state;
    send_bytes(s, 10);
    session_close(s, CLOSE_UNAUTHORISED, "revoked");
    push_run();
    assert_int_equal(writable(&c), CLOSE_UNAUTHORISED);
    assert_int_equal(c.frames, 0);
    finish(&c);
}

static void
test_thousands_of_follows_end_over_several_iterations(void **state)
{
    struct conn c = {0};
    struct session *s = start(&c);

    (void)state;
    above.follows = 2500;
    session_close(s, CLOSE_RESTART, "test");
    sessions_reap();
    assert_int_equal(above.follows, 2500 - 1024);
    sessions_reap();
    assert_int_equal(above.follows, 2500 - 2 * 1024);
    push_run();
    assert_int_equal(above.follows, 0);
    finish(&c);
}

static void
test_a_shared_session_outlives_its_connection(void **state)
{
    struct conn c = {0};
    struct session *s = start(&c);

    (void)state;
    session_share(s);
    finish(&c);
    assert_int_not_equal(s->code, 0);
    assert_null(s->conn);
    send_bytes(s, 10);
    assert_int_equal(c.frames, 0);
    session_drop(s);
}

static void
test_each_socket_is_pinged_once_a_round_and_dropped_when_silent(void **state)
{
    struct conn talking = {0}, silent = {0};

    (void)state;
    start(&talking);
    start(&silent);
    for (int tick = 0; tick < 2 * HEARTBEAT; tick++) {
        session_alive(talking.session);
        sessions_tick();
        session_alive(talking.session);
    }
    assert_int_equal(talking.pings, 2);
    assert_false(talking.killed);
    assert_true(silent.pings >= 1);
    assert_true(silent.killed);
    silent.session->since = 0;
    session_gone(silent.session);
    finish(&talking);
}

static void
test_a_slow_socket_that_takes_its_queue_is_alive(void **state)
{
    struct conn c = {0};
    struct session *s = start(&c);

    (void)state;
    for (int tick = 0; tick < 2 * HEARTBEAT; tick++) {
        c.busy = true;
        send_bytes(s, 10);
        writable(&c);
        sessions_tick();
        writable(&c);
        c.busy = true;
        send_bytes(s, 10);
        writable(&c);
    }
    assert_false(c.killed);
    finish(&c);
}

static void
test_deadlines_close_with_their_codes(void **state)
{
    static const struct {
        const char *what;
        uint8_t state;
        int64_t since_us;
        uint16_t code;
    } rows[] = {
        {"no hello yet", SESSION_NEW, 999000000, 0},
        {"no hello", SESSION_NEW, 1000000000, CLOSE_NO_HELLO},
        {"being checked", SESSION_CHECKING, 29000000, 0},
        {"the database is away", SESSION_CHECKING, 31000000, CLOSE_RESTART},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct conn c = {.session = session_open(&c)};

        c.session->state = rows[i].state;
        c.session->since = clock_steady() - rows[i].since_us;
        sessions_tick();
        if (c.session->code != rows[i].code)
            unit_wrong("%s: code %d", rows[i].what, c.session->code);
        c.session->state = SESSION_NEW;
        session_gone(c.session);
        push_run();
    }
    unit_rows_done();
}

static void
test_an_expired_token_closes_the_session(void **state)
{
    struct conn c = {0};

    (void)state;
    c.session = session_open(&c);
    c.session->expires = clock_now() / 1000 + 1000;
    session_ready(c.session);
    sessions_tick();
    assert_int_equal(c.session->code, 0);
    session_gone(c.session);
    push_run();
    c = (struct conn){0};
    c.session = session_open(&c);
    c.session->expires = clock_now() / 1000 - 1;
    session_ready(c.session);
    sessions_tick();
    assert_int_equal(c.session->code, CLOSE_UNAUTHORISED);
    finish(&c);
}

static void
test_the_message_limit_grows_with_hello(void **state)
{
    struct conn c = {0};

    (void)state;
    c.session = session_open(&c);
    assert_int_equal(session_message_max(c.session), WIRE_MAX);
    session_ready(c.session);
    assert_int_equal(session_message_max(c.session), WIRE_FOLLOW_MAX);
    session_too_large(c.session);
    assert_int_equal(c.session->code, CLOSE_TOO_LARGE);
    finish(&c);
}

static void
test_draining_closes_some_at_a_time(void **state)
{
    struct conn c[5] = {{0}};

    (void)state;
    for (size_t i = 0; i < COUNT(c); i++)
        if (i % 2 == 0)
            start(&c[i]);
        else
            c[i].session = session_open(&c[i]);
    for (uint32_t closed = 0; closed < COUNT(c);) {
        uint32_t now = 0;

        assert_int_equal(sessions_drain(2), COUNT(c));
        for (size_t i = 0; i < COUNT(c); i++)
            now += c[i].session->code == CLOSE_RESTART;
        assert_true(now == closed + 2 || now == COUNT(c));
        closed = now;
    }
    for (size_t i = 0; i < COUNT(c); i++)
        session_gone(c[i].session);
    push_run();
    assert_int_equal(sessions_drain(1), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_go_up_until_the_session_closes),
        cmocka_unit_test(test_a_frame_is_written_at_once_or_queued_in_order),
        cmocka_unit_test(test_a_full_queue_closes_the_session),
        cmocka_unit_test(test_a_replay_queues_until_the_low_water_mark_and_never_closes),
        cmocka_unit_test(test_closing_only_marks_until_the_iteration_ends),
        cmocka_unit_test(test_who_is_not_authorised_gets_nothing_that_is_queued),
        cmocka_unit_test(test_thousands_of_follows_end_over_several_iterations),
        cmocka_unit_test(test_a_shared_session_outlives_its_connection),
        cmocka_unit_test(test_each_socket_is_pinged_once_a_round_and_dropped_when_silent),
        cmocka_unit_test(test_a_slow_socket_that_takes_its_queue_is_alive),
        cmocka_unit_test(test_deadlines_close_with_their_codes),
        cmocka_unit_test(test_an_expired_token_closes_the_session),
        cmocka_unit_test(test_the_message_limit_grows_with_hello),
        cmocka_unit_test(test_draining_closes_some_at_a_time),
    };

    return cmocka_run_group_tests(tests, open_sessions, close_sessions);
}
