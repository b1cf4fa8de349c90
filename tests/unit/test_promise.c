/*
 * The promise of push, tried by chance in a world like that (world.h), with
 * sockets that choke and break.  Every client checks what it hears: each event once, in order, none
 * skipped, none that its user may not see.  TASKWIRE_SEED repeats a round, TASKWIRE_ROUNDS plays
 * more, TASKWIRE_TELL tells what is heard.
 */
#include <ev.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "common/event.h"
#include "common/text.h"
#include "common/token.h"
#include "push/all.h"
#include "push/frame.h"
#include "push/hub.h"
#include "push/look.h"
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
#include "tests/unit/world.h"

#define KEY     "k 0000000000000000000000000000000000000000000000000000000000000001"
#define CLIENTS 24
#define LAZY    4 /* the first ones let their queue run over, */
#define SLEEPY  8 /* the next ones come back late */
#define STEPS   12000
#define ROUNDS  3
#define MOST    12 /* rounds, when none of the first ones cut anybody */

/* ------------------------------------------------------------ clients */

struct conn {
    struct session *session; /* NULL: not connected */
    int user;
    bool busy, wake, killed, ready, following, asked;
    int64_t last;            /* number heard last; what is asked for next follows it */
    int64_t point;           /* where the answer to follow said that live begins */
    int64_t asked_at, since; /* log's top at the follow; -1: no since */
    bool place;              /* last is a place to resume from */
    char id[25];
    unsigned long events;
};

static struct conn clients[CLIENTS];
static unsigned long heard, lefts, resyncs, refusals, cuts;

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
hear_event(struct conn *c, struct json_object *message)
{
    struct json_object *seq;

    assert_true(json_object_object_get_ex(message, "seq", &seq));
    assert_true(c->following);
    if (json_object_get_int64(seq) != c->last + 1)
        fail_msg("user %d heard %lld after %lld", c->user, (long long)json_object_get_int64(seq),
                 (long long)c->last);
    c->last++;
    c->events++;
    heard++;
    /* Who has gained the right since may see what was before. */
    if (c->last > c->point && !ever(c->user, c->last, true))
        fail_msg("user %d heard %lld and may not", c->user, (long long)c->last);
}

static void
hear(struct conn *c, const char *text, size_t len)
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
        assert_true(ever(c->user, c->point, true));
    } else if (strcmp(name, "resync") == 0) {
        c->asked = false;
        c->following = c->place = true;
        c->last = c->point = number_in(message);
        assert_true(ever(c->user, c->point, true));
        resyncs++;
    } else if (strcmp(name, "left") == 0) {
        assert_true(ever(c->user, c->last, false));
        c->following = c->place = c->asked = false;
        lefts++;
    } else if (strcmp(name, "error") == 0) {
        assert_true(c->asked);
        /* Limits go by the real clock, which a slow machine lets run ahead of the test's. */
        assert_true(memmem(text, len, "\"throttled\"", 11) != NULL ||
                    ever(c->user, c->asked_at, false));
        c->following = c->place = c->asked = false;
        refusals++;
    } else {
        assert_string_equal(name, "unfollowed");
        c->following = false;
    }
    json_object_put(message);
}

bool
server_busy(const struct conn *c)
{
    return c->busy;
}

void
server_write(struct conn *c, const unsigned char *bytes, size_t len)
{
    assert_false(c->busy);
    while (len > 0) {
        size_t head = bytes[1] < 126 ? 2 : bytes[1] == 126 ? 4 : 10;
        size_t text = head == 2 ? bytes[1] : 0;

        for (size_t i = 2; i < head; i++)
            text = text << 8 | bytes[i];

        assert_int_equal(bytes[0], 0x81);
        hear(c, (const char *)bytes + head, text);
        bytes += head + text;
        len -= head + text;
    }
    c->busy = chance(20) == 0; /* what was written lies in the kernel */
}

void
server_wake(struct conn *c)
{
    c->wake = true;
}

void
server_ping(struct conn *c)
{
    (void)c;
}

void
server_kill(struct conn *c)
{
    c->killed = true;
}

static void
disconnect(struct conn *c)
{
    struct session *s = c->session;

    c->session = NULL;
    c->ready = c->following = c->asked = c->busy = c->wake = c->killed = false;
    if (s != NULL)
        session_gone(s);
}

static void
say(struct conn *c, const char *text)
{
    session_receive(c->session, text, strlen(text), false);
}

static void
connect_client(struct conn *c)
{
    struct token token = {.expires = INT32_MAX};
    char text[1024], *jwt;

    c->session = session_open(c);
    world_user(c->user, token.user);
    strcpy(token.session, c->id);
    jwt = token_sign(&token);
    snprintf(text, sizeof(text), "{\"op\":\"hello\",\"token\":\"%s\"}", jwt);
    free(jwt);
    say(c, text);
}

static void
follow(struct conn *c)
{
    char text[256], since[128] = "";

    c->since = -1;
    if (c->place && chance(4) > 0) {
        snprintf(since, sizeof(since), ",\"since\":\"" EPOCH "~p%s.%lld\"", world.id,
                 (long long)c->last);
        c->since = c->last;
    }
    c->asked = true;
    c->following = false;
    c->asked_at = world.top;
    snprintf(text, sizeof(text), "{\"op\":\"follow\",\"topic\":\"%s\",\"ref\":1%s}", world.topic,
             since);
    say(c, text);
}

static void
client_step(struct conn *c, bool calm)
{
    bool lazy = c - clients < LAZY && !calm, sleepy = !lazy && c - clients < SLEEPY && !calm;
    char text[256];

    if (c->session == NULL) {
        if (chance(sleepy ? 400 : 3) == 0)
            connect_client(c);
        return;
    }
    c->session->allowance = 100; /* rates are others' business */
    if (c->busy && chance(lazy ? 2000 : 3) == 0) {
        c->busy = false;
        c->wake = true;
    }
    if (c->wake && !c->busy && chance(2) == 0) {
        c->wake = false;
        if (!session_writable(c->session)) {
            cuts += c->session->code == CLOSE_OVER_LIMIT;
            disconnect(c);
            return;
        }
    }
    if (c->killed || chance(lazy ? 4000 : 150) == 0) {
        disconnect(c);
    } else if (c->ready && !c->asked && !c->following && chance(3) == 0) {
        follow(c);
    } else if (c->ready && c->following && chance(100) == 0 && c->session->outbox.count == 0 &&
               !c->busy) {
        snprintf(text, sizeof(text), "{\"op\":\"unfollow\",\"topic\":\"%s\"}", world.topic);
        say(c, text);
    }
}

/* ------------------------------------------------------------ rounds */

static struct ev_loop *loop;

static void
turn(bool calm)
{
    for (int i = 0; i < CLIENTS; i++)
        client_step(&clients[chance(CLIENTS)], calm);
    for (int i = 0; i < 3; i++)
        finish_job(!calm);
    redis_step();
    ev_run(loop, EVRUN_NOWAIT);
}

static void
play(void)
{
    for (int step = 0; step < STEPS; step++) {
        if (chance(4) == 0)
            write_event();
        if (chance(400) == 0)
            redis_is_up() ? redis_goes() : redis_comes();
        if (!redis_is_up() && chance(20) == 0)
            redis_comes();
        if (chance(50) == 0)
            repair_tick();
        if (chance(800) == 0 && world.top - world.oldest > 200)
            world.oldest = world.top - (int64_t)chance(200);
        if (chance(10) == 0)
            usleep(500);
        turn(false);
    }
}

/* Is everybody where the log is? */
static bool
settled(void)
{
    for (int i = 0; i < CLIENTS; i++) {
        struct conn *c = &clients[i];

        if (c->session == NULL || c->asked || c->busy ||
            (c->following ? c->last != world.top : may(c->user, world.top)))
            return false;
        if (c->following && !may(c->user, world.top))
            return false;
    }
    return true;
}

static void
come_to_rest(void)
{
    if (!redis_is_up())
        redis_comes();
    for (int i = 0; i < 10000 && !settled(); i++) {
        if (i % 100 == 0)
            repair_tick();
        usleep(500);
        turn(true);
    }
    for (int i = 0; i < CLIENTS; i++) {
        struct conn *c = &clients[i];

        if (c->following ? c->last != world.top : may(c->user, world.top))
            fail_msg("client %d (user %d, %s) is at %lld of %lld, right %d, asked %d, busy %d", i,
                     c->user, c->session == NULL ? "away" : "here", (long long)c->last,
                     (long long)world.top, may(c->user, world.top), c->asked, c->busy);
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
        new_world(first, round);
        for (int i = 0; i < CLIENTS; i++) {
            clients[i] = (struct conn){.user = i % USERS};
            snprintf(clients[i].id, sizeof(clients[i].id), "%024x", i + 1);
        }
        printf("seed %llu: ", (unsigned long long)first);
        fflush(stdout);
        play();
        come_to_rest();
        printf("%lld events, %lu heard, %lu left, %lu resyncs, %lu refusals, %lu cuts\n",
               (long long)world.top, heard, lefts, resyncs, refusals, cuts);
        for (int i = 0; i < CLIENTS; i++)
            disconnect(&clients[i]);
        while (jobs_wait())
            finish_job(false);
    }
    assert_true(heard > 1000 && lefts > 0 && refusals > 0); /* it was a trial */
    assert_true(rounds < ROUNDS || cuts > 0);
}

static int
open_all(void **state)
{
    static const struct config config = {.push_queue_bytes = 65536,
                                         .push_hello_seconds = 1000,
                                         .push_heartbeat_seconds = 25,
                                         .push_user_sockets = 1000,
                                         .push_presence_seconds = 30};

    (void)state;
    world_open();
    loop = ev_default_loop(0);
    sessions_open(loop, &config);
    who_open(&config);
    ops_open(&config);
    repair_open(loop);
    presence_open(loop, &config);
    all_open(loop);
    relay_open(loop);
    return token_open(KEY) == ERR_NONE ? 0 : -1;
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
        cmocka_unit_test(test_nothing_is_lost_repeated_reordered_or_leaked),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
