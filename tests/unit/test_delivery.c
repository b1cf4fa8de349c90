/*
 * push's delivery guarantees, tested at random (push_sim.h) with sockets that stall and break.
 * Every client checks what it receives: each event once, in order, none missing, none that its user
 * may not see.  TASKWIRE_SEED repeats a round, TASKWIRE_ROUNDS runs more of them, TASKWIRE_TELL
 * prints what is received.
 */
#include <ev.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/secrets/token.h"
#include "push/net/server.h"
#include "push/net/session.h"
#include "push/topics/compare.h"
#include "push/wiring.h"
#include "tests/unit/push_fixture.h"
#include "tests/unit/push_sim.h"
#include "tests/unit/unit.h"

#define KEY    "k 0000000000000000000000000000000000000000000000000000000000000001"
#define LAZY   4 /* the first ones let their queue overflow, */
#define SLEEPY 8 /* the next ones reconnect late */
#define STEPS  12000
#define ROUNDS 3
#define MOST   12 /* rounds, if none of the first ones closed a slow session */

/* ------------------------------------------------------------ clients */

/* A browser; its connection is the first member. */
struct client {
    struct conn conn;
    int user;
    bool ready, following, asked;
    int64_t last;            /* the number received last: the next event must follow it */
    int64_t point;           /* where live events begin, according to the answer */
    int64_t asked_at, since; /* log's top at the follow; -1: no since */
    bool place;              /* last is a place to resume from */
    unsigned long events;
};

static struct client clients[SIM_CLIENTS];
static unsigned long received, lefts, resyncs, refusals, cuts;

static int64_t
number_in(struct json_object *message)
{
    struct json_object *cursor;
    const char *text;

    assert_true(json_object_object_get_ex(message, "cursor", &cursor));
    text = json_object_get_string(cursor);
    return atoll(strrchr(text, '.') + 1);
}

static void
hear_event(struct client *c, struct json_object *message)
{
    struct json_object *seq;

    assert_true(json_object_object_get_ex(message, "seq", &seq));
    assert_true(c->following);
    if (json_object_get_int64(seq) != c->last + 1)
        fail_msg("user %d received %lld after %lld", c->user, (long long)json_object_get_int64(seq),
                 (long long)c->last);
    c->last++;
    c->events++;
    received++;
    /* A user who has gained the right may see older events. */
    if (c->last > c->point && !sim_ever(c->user, c->last, true))
        fail_msg("user %d received %lld and may not", c->user, (long long)c->last);
}

static void
receive(struct client *c, const char *text, size_t len)
{
    struct json_object *message, *op;
    struct json_tokener *t = json_tokener_new();
    const char *name;

    message = json_tokener_parse_ex(t, text, (int)len);
    json_tokener_free(t);
    assert_non_null(message);
    json_object_object_get_ex(message, "op", &op);
    if (getenv("TASKWIRE_TELL") != NULL)
        printf("client %d (user %d) asked %d following %d last %lld hears %.*s\n",
               (int)(c - clients), c->user, c->asked, c->following, (long long)c->last, (int)len,
               text);
    name = json_object_get_string(op);
    if (strcmp(name, "ready") == 0) {
        c->ready = true;
    } else if (strcmp(name, "event") == 0) {
        hear_event(c, message);
    } else if (strcmp(name, "following") == 0) {
        assert_true(c->asked);
        c->asked = false;
        c->following = c->place = true;
        c->point = number_in(message);
        c->last = c->since >= 0 ? c->since : c->point;
        assert_true(c->point >= c->last);
        assert_true(sim_ever(c->user, c->point, true));
    } else if (strcmp(name, "resync") == 0) {
        c->asked = false;
        c->following = c->place = true;
        c->last = c->point = number_in(message);
        assert_true(sim_ever(c->user, c->point, true));
        resyncs++;
    } else if (strcmp(name, "left") == 0) {
        assert_true(sim_ever(c->user, c->last, false));
        c->following = c->place = c->asked = false;
        lefts++;
    } else if (strcmp(name, "error") == 0) {
        assert_true(c->asked);
        /* Limits use the real clock, which on a slow machine runs ahead of the test. */
        assert_true(memmem(text, len, "\"throttled\"", 11) != NULL ||
                    sim_ever(c->user, c->asked_at, false));
        c->following = c->place = c->asked = false;
        refusals++;
    } else {
        assert_string_equal(name, "unfollowed");
        c->following = false;
    }
    json_object_put(message);
}

static void
on_frame(struct conn *conn, const char *text, size_t len)
{
    receive((struct client *)conn, text, len);
}

/* What was written stays in the kernel for a while. */
static void
on_write(struct conn *c)
{
    c->busy = sim_chance(20) == 0;
}

static void
disconnect(struct client *c)
{
    struct session *s = c->conn.session;

    c->conn = (struct conn){.on_frame = on_frame, .on_write = on_write};
    c->ready = c->following = c->asked = false;
    if (s != NULL)
        wiring_server_calls.gone(s);
}

static void
say(struct client *c, const char *text)
{
    push_say(&c->conn, text);
}

static void
connect_client(struct client *c)
{
    struct token token = {.expires = INT32_MAX};
    char text[1024], *jwt;

    c->conn.session = wiring_server_calls.open(&c->conn);
    sim_client((int)(c - clients), token.user, token.session);
    jwt = token_sign(&token);
    snprintf(text, sizeof(text), "{\"op\":\"hello\",\"token\":\"%s\"}", jwt);
    free(jwt);
    say(c, text);
}

static void
follow(struct client *c)
{
    char text[256], since[128] = "";

    c->since = -1;
    if (c->place && sim_chance(4) > 0) {
        snprintf(since, sizeof(since), ",\"since\":\"" SIM_EPOCH "~p%s.%lld\"", sim.id,
                 (long long)c->last);
        c->since = c->last;
    }
    c->asked = true;
    c->following = false;
    c->asked_at = sim.top;
    snprintf(text, sizeof(text), "{\"op\":\"follow\",\"topic\":\"%s\",\"ref\":1%s}", sim.topic,
             since);
    say(c, text);
}

static void
client_step(struct client *c, bool calm)
{
    bool lazy = c - clients < LAZY && !calm, sleepy = !lazy && c - clients < SLEEPY && !calm;
    char text[256];

    if (c->conn.session == NULL) {
        if (sim_chance(sleepy ? 400 : 3) == 0)
            connect_client(c);
        return;
    }
    c->conn.session->allowance = 100; /* rates are not tested here */
    if (c->conn.busy && sim_chance(lazy ? 2000 : 3) == 0) {
        c->conn.busy = false;
        c->conn.waking = true;
    }
    if (c->conn.waking && !c->conn.busy && sim_chance(2) == 0) {
        c->conn.waking = false;
        if (wiring_server_calls.writable(c->conn.session, &(const char *){NULL}) != 0) {
            cuts += c->conn.session->code == CLOSE_OVER_LIMIT;
            disconnect(c);
            return;
        }
    }
    if (c->conn.killed || sim_chance(lazy ? 4000 : 150) == 0) {
        disconnect(c);
    } else if (c->ready && !c->asked && !c->following && sim_chance(3) == 0) {
        follow(c);
    } else if (c->ready && c->following && sim_chance(100) == 0 &&
               c->conn.session->outbox.count == 0 && !c->conn.busy) {
        snprintf(text, sizeof(text), "{\"op\":\"unfollow\",\"topic\":\"%s\"}", sim.topic);
        say(c, text);
    }
}

/* ------------------------------------------------------------ rounds */

static void
one_round(bool calm)
{
    for (int i = 0; i < SIM_CLIENTS; i++)
        client_step(&clients[sim_chance(SIM_CLIENTS)], calm);
    for (int i = 0; i < 3; i++)
        sim_finish_job(!calm);
    sim_redis_step();
    ev_run(push_loop, EVRUN_NOWAIT);
}

static void
play(void)
{
    for (int step = 0; step < STEPS; step++) {
        if (sim_chance(4) == 0)
            sim_write_event();
        if (sim_chance(400) == 0)
            sim_redis_is_up() ? sim_redis_down() : sim_redis_up();
        if (!sim_redis_is_up() && sim_chance(20) == 0)
            sim_redis_up();
        if (sim_chance(50) == 0)
            compare_tick();
        if (sim_chance(800) == 0 && sim.top - sim.oldest > 200)
            sim.oldest = sim.top - (int64_t)sim_chance(200);
        if (sim_chance(10) == 0)
            usleep(500);
        one_round(false);
    }
}

/* Has every client received the whole log? */
static bool
settled(void)
{
    for (int i = 0; i < SIM_CLIENTS; i++) {
        struct client *c = &clients[i];

        if (c->conn.session == NULL || c->asked || c->conn.busy ||
            (c->following ? c->last != sim.top : sim_may(c->user, sim.top)))
            return false;
        if (c->following && !sim_may(c->user, sim.top))
            return false;
    }
    return true;
}

static void
come_to_rest(void)
{
    if (!sim_redis_is_up())
        sim_redis_up();
    for (int i = 0; i < 10000 && !settled(); i++) {
        if (i % 100 == 0)
            compare_tick();
        usleep(500);
        one_round(true);
    }
    for (int i = 0; i < SIM_CLIENTS; i++) {
        struct client *c = &clients[i];

        if (c->following ? c->last != sim.top : sim_may(c->user, sim.top))
            fail_msg("client %d (user %d, %s) is at %lld of %lld, right %d, asked %d, busy %d", i,
                     c->user, c->conn.session == NULL ? "away" : "here", (long long)c->last,
                     (long long)sim.top, sim_may(c->user, sim.top), c->asked, c->conn.busy);
    }
}

static void
test_nothing_is_lost_repeated_reordered_or_leaked(void **state)
{
    const char *wanted = getenv("TASKWIRE_SEED"), *more = getenv("TASKWIRE_ROUNDS");
    int rounds = more != NULL ? atoi(more) : ROUNDS;

    (void)state;
    for (int round = 0; round < rounds || (rounds == ROUNDS && cuts == 0 && round < MOST);
         round++) {
        uint64_t first = UINT64_C(0x9E3779B97F4A7C15) * (unsigned)(round + 1);

        if (wanted != NULL)
            first = strtoull(wanted, NULL, 10);
        sim_start(first, round);
        for (int i = 0; i < SIM_CLIENTS; i++) {
            clients[i] = (struct client){.user = i % SIM_USERS};
            disconnect(&clients[i]);
        }
        printf("seed %llu: ", (unsigned long long)first);
        fflush(stdout);
        play();
        come_to_rest();
        printf("%lld events, %lu received, %lu left, %lu resyncs, %lu refusals, %lu cuts\n",
               (long long)sim.top, received, lefts, resyncs, refusals, cuts);
        for (int i = 0; i < SIM_CLIENTS; i++)
            disconnect(&clients[i]);
        while (sim_jobs_wait())
            sim_finish_job(false);
    }
    assert_true(received > 1000 && lefts > 0 && refusals > 0); /* otherwise nothing was tested */
    assert_true(rounds < ROUNDS || cuts > 0);
}

static int
open_all(void **state)
{
    push_config.push_user_sockets = 1000;
    return token_open(KEY) == ERR_NONE ? push_open(state) : -1;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_lost_repeated_reordered_or_leaked),
    };

    return cmocka_run_group_tests(tests, open_all, push_close);
}
