/*
 * push's delivery guarantees, tested by random schedules (push_schedule.h) of a simulated world
 * (push_sim.h): sockets that stall, close and come back, a Redis that loses, repeats, delays and
 * reorders messages, hangs and disconnects, a database that is slow, fails or is unavailable, and
 * time that passes; and clients that have seen more from another daemon than this one has relayed.
 * Every client checks what it receives: each event once, in order, none missing, none that its user
 * may not see.  After each step the queues, the rings and the rights are checked too.
 *
 *   test_delivery --schedules 10000       runs more of them; with --after 500 others
 *   test_delivery --seed 7                repeats one
 *   test_delivery --seed 7 --keep 3,17    with these of its steps only
 *
 * TASKWIRE_TELL=1 in the environment prints each step and what the clients receive.
 */
#include <ev.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/secrets/token.h"
#include "push/base/arrival.h"
#include "push/metrics.h"
#include "push/net/server.h"
#include "push/net/session.h"
#include "push/topics/hub.h"
#include "push/wiring.h"
#include "tests/unit/push_fixture.h"
#include "tests/unit/push_schedule.h"
#include "tests/unit/push_sim.h"
#include "tests/unit/unit.h"

#define KEY       "k 0000000000000000000000000000000000000000000000000000000000000001"
#define LAZY      4     /* the first clients let their queue overflow, */
#define SLEEPY    8     /* the next ones reconnect late */
#define STEPS     50000 /* of a schedule */
#define SCHEDULES 20

enum { RECEIVED, LEFTS, RESYNCS, REFUSALS, CUTS, RECOVERED, UNAVAILABLE }; /* schedule_counts */

static bool tells;

/* ------------------------------------------------------------ clients */

/* A browser; its connection is the first member. */
struct client {
    struct conn conn;
    char hello[1024];
    int user;
    bool ready, following, asked;
    int64_t last;            /* the number received last: the next event must follow it */
    int64_t point;           /* where live events begin, according to the answer */
    int64_t asked_at, since; /* log's top at the follow; -1: no since */
    int64_t asked_time;      /* sim_time at the follow */
    bool place;              /* last is a place to resume from */
};

static struct client clients[SIM_CLIENTS];
static int64_t unavailable_at; /* sim_time when the database was last unavailable */

/* The number after a key, or in the cursor after it. */
static int64_t
number_in(const char *text, const char *key)
{
    const char *value = strstr(text, key), *dot;

    schedule_check(value != NULL);
    value += strlen(key);
    if (*value != '"')
        return atoll(value);
    for (dot = ++value; *value != '"'; value++)
        if (*value == '.')
            dot = value + 1;
    return atoll(dot);
}

static void
receive_event(struct client *c, const char *text)
{
    int64_t seq = number_in(text, "\"seq\":");

    schedule_check(c->following);
    if (seq != c->last + 1)
        schedule_fail("an event is missing, repeated or out of order: %" PRId64 " after %" PRId64,
                      seq, c->last);
    c->last++;
    schedule_counts[RECEIVED]++;
    /* A user who has gained the right may see older events. */
    if (c->last > c->point && !sim_ever(c->user, c->last, true))
        schedule_fail("event %" PRId64 " was sent to a user who may not see it", c->last);
}

static void
receive_following(struct client *c, const char *text)
{
    bool recovered = strstr(text, "\"recovered\":true") != NULL;

    schedule_check(c->asked);
    schedule_check(recovered == (c->since >= 0));
    c->asked = false;
    c->following = c->place = true;
    c->point = number_in(text, "\"cursor\":");
    c->last = recovered ? c->since : c->point;
    schedule_check(c->point >= c->last);
    schedule_check(sim_ever(c->user, c->point, true));
    schedule_counts[RECOVERED] += recovered;
}

static void
receive_resync(struct client *c, const char *text)
{
    schedule_check(c->asked || c->following);
    c->asked = false;
    c->following = c->place = true;
    c->last = c->point = number_in(text, "\"cursor\":");
    schedule_check(c->point <= sim.top);
    schedule_check(sim_ever(c->user, c->point, true));
    schedule_counts[RESYNCS]++;
}

static void
receive_error(struct client *c, const char *text)
{
    bool unavailable = strstr(text, "\"store-away\"") != NULL;

    schedule_check(c->asked);
    schedule_check(unavailable ? unavailable_at >= c->asked_time
                               : strstr(text, "\"not-found\"") != NULL);
    schedule_check(unavailable || sim_ever(c->user, c->asked_at, false));
    c->following = c->asked = false;
    c->place = c->place && unavailable;
    schedule_counts[unavailable ? UNAVAILABLE : REFUSALS]++;
}

/* Whoever gets live events has had all of them up to the one that takes the right away. */
static void
check_left(const struct client *c)
{
    const struct topic *t = hub_find(sim.topic, strlen(sim.topic));
    const struct follow *f = t == NULL ? NULL : hub_find_follow(t, c->conn.session);

    if (f != NULL && f->state == FOLLOW_LIVE && c->conn.session->outbox.count == 0)
        schedule_check(c->last == t->stream.head);
}

static void
receive_left(struct client *c)
{
    schedule_check(c->following || c->asked);
    schedule_check(sim_ever(c->user, c->last, false));
    check_left(c);
    c->following = c->place = c->asked = false;
    schedule_counts[LEFTS]++;
}

static void
on_frame(struct conn *conn, const char *frame, size_t len)
{
    struct client *c = (struct client *)conn;
    static char text[SIM_LARGE + 4096];

    schedule_check(len < sizeof(text) && len > 10);
    memcpy(text, frame, len);
    text[len] = '\0';
    if (tells)
        printf("client %d (user %d, last %" PRId64 ") receives %.300s\n", (int)(c - clients),
               c->user, c->last, text);
    if (strncmp(text, "{\"op\":\"event\"", 13) == 0)
        receive_event(c, text);
    else if (strncmp(text, "{\"op\":\"following\"", 17) == 0)
        receive_following(c, text);
    else if (strncmp(text, "{\"op\":\"resync\"", 14) == 0)
        receive_resync(c, text);
    else if (strncmp(text, "{\"op\":\"left\"", 12) == 0)
        receive_left(c);
    else if (strncmp(text, "{\"op\":\"error\"", 13) == 0)
        receive_error(c, text);
    else if (strncmp(text, "{\"op\":\"ready\"", 13) == 0)
        c->ready = true;
    else if (strncmp(text, "{\"op\":\"unfollowed\"", 18) == 0)
        c->following = false;
    else
        schedule_fail("an unexpected message: %.200s", text);
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

/*
 * While it was away it was connected to another daemon, which has relayed more than ours: its place
 * is some number that it may have seen there.
 */
static void
visit_other_daemon(struct client *c)
{
    if (!c->place || sim_chance(3) > 0)
        return;
    while (c->last < sim.top && sim_may(c->user, c->last + 1) && sim_chance(20) > 0)
        c->last++;
}

static void
follow(struct client *c)
{
    char text[256], since[128] = "";

    c->since = -1;
    if (c->place && sim_chance(4) > 0) {
        snprintf(since, sizeof(since), ",\"since\":\"" SIM_EPOCH "~p%s.%" PRId64 "\"", sim.id,
                 c->last);
        c->since = c->last;
    }
    c->asked = true;
    c->following = false;
    c->asked_at = sim.top;
    c->asked_time = sim_time;
    snprintf(text, sizeof(text), "{\"op\":\"follow\",\"topic\":\"%s\",\"ref\":1%s}", sim.topic,
             since);
    push_say(&c->conn, text);
}

/* The kernel takes what was written, and the server asks for more. */
static void
drain(struct client *c, bool lazy)
{
    if (c->conn.busy && sim_chance(lazy ? 2000 : 3) == 0) {
        c->conn.busy = false;
        c->conn.waking = true;
    }
    if (!c->conn.waking || c->conn.busy || sim_chance(2) == 0)
        return;
    c->conn.waking = false;
    if (wiring_server_calls.writable(c->conn.session, &(const char *){NULL}) != 0) {
        schedule_counts[CUTS] += c->conn.session->code == CLOSE_OVER_LIMIT;
        disconnect(c);
    }
}

static void
act(struct client *c, bool calm)
{
    bool lazy = c - clients < LAZY && !calm, sleepy = !lazy && c - clients < SLEEPY && !calm;
    char text[256];

    if (c->conn.session == NULL) {
        if (sim_chance(sleepy ? 400 : 3) == 0) {
            visit_other_daemon(c);
            c->conn.session = wiring_server_calls.open(&c->conn);
            push_say(&c->conn, c->hello);
        }
        return;
    }
    c->conn.session->allowance = 100; /* rates are not tested here */
    if (c->conn.pings > 0)
        wiring_server_calls.alive(c->conn.session);
    c->conn.pings = 0;
    drain(c, lazy);
    if (c->conn.session == NULL)
        return;
    if (c->conn.killed || (!calm && sim_chance(lazy ? 4000 : 150) == 0)) {
        disconnect(c);
    } else if (c->ready && !c->asked && !c->following && sim_chance(3) == 0) {
        follow(c);
    } else if (c->ready && c->following && !calm && sim_chance(100) == 0 &&
               c->conn.session->outbox.count == 0 && !c->conn.busy) {
        snprintf(text, sizeof(text), "{\"op\":\"unfollow\",\"topic\":\"%s\"}", sim.topic);
        push_say(&c->conn, text);
    }
}

/* ------------------------------------------------------------ after each step */

/* Nobody gets events of a topic without a right that was in force at its head or later. */
static void
check_rights(const struct topic *t)
{
    for (int state = FOLLOW_CATCHUP; state <= FOLLOW_LIVE; state++)
        for (uint32_t i = 0; i < t->follows[state].count; i++) {
            const struct session *s = t->follows[state].at[i]->session;

            if (s->code == 0 && !sim_ever(s->user[0] - 1, t->stream.head, true))
                schedule_fail("user %d follows at %" PRId64 " without the right", s->user[0],
                              t->stream.head);
        }
}

/* What push keeps in memory stays within its limits, and is what its metrics say. */
static void
check(void)
{
    const struct topic *t = hub_find(sim.topic, strlen(sim.topic));
    int64_t queued = 0;

    if (sim_database == SIM_UNAVAILABLE)
        unavailable_at = sim_time;
    for (int i = 0; i < SIM_CLIENTS; i++) {
        const struct session *s = clients[i].conn.session;

        if (s == NULL)
            continue;
        schedule_check(s->outbox.bytes <= PUSH_QUEUE || s->outbox.count == 1);
        queued += s->outbox.bytes;
    }
    schedule_check(queued <= metrics[METRIC_QUEUE_BYTES]);
    if (t == NULL)
        return;
    schedule_check(t->stream.bytes <= STREAM_BYTES || t->stream.count == 1);
    schedule_check(t->stream.count <= STREAM_FRAMES && t->stream.early_count <= STREAM_EARLY);
    for (uint32_t i = 1; i < t->stream.early_count; i++)
        schedule_check(t->stream.early[i - 1].seq < t->stream.early[i].seq);
    schedule_check((int64_t)t->stream.bytes == metrics[METRIC_RING_BYTES]);
    schedule_check(t->stream.head <= sim.top && t->flushed <= t->stream.head);
    if (t->state == TOPIC_READY)
        check_rights(t);
}

/* ------------------------------------------------------------ steps */

static void
step_client(void)
{
    act(&clients[sim_chance(SIM_CLIENTS)], false);
}

static void
step_loop(void)
{
    ev_run(push_loop, EVRUN_NOWAIT);
}

static void
step_wait(void)
{
    sim_time += 1000 * (1 + sim_chance(20));
}

static void
step_second(void)
{
    sim_time += 1000000;
    wiring_tick();
}

/* The host or the process was suspended. */
static void
step_pause(void)
{
    sim_time += 1000000LL * sim_chance(70);
}

static void
step_redis_away(void)
{
    if (sim_redis_is_up())
        sim_redis_down();
}

static void
step_redis_back(void)
{
    if (!sim_redis_is_up())
        sim_redis_up();
    sim_redis_hangs = false;
}

static void
step_redis_hangs(void)
{
    sim_redis_hangs = true;
}

static void
step_database(void)
{
    sim_database = sim_chance(2) == 0   ? SIM_WORKS
                   : sim_chance(3) == 0 ? SIM_UNAVAILABLE
                                        : SIM_TROUBLE;
}

/* The oldest events are removed from the log. */
static void
step_trim(void)
{
    if (sim.top - sim.oldest > 200)
        sim.oldest = sim.top - (int64_t)sim_chance(200);
}

static const struct {
    const char *name;
    uint32_t weight;
    void (*fn)(void);
} steps[] = {
    {"client", 7170, step_client},
    {"database answers", 1000, sim_finish_job},
    {"loop", 700, step_loop},
    {"Redis", 600, sim_redis_step},
    {"event", 250, sim_write_event},
    {"wait", 200, step_wait},
    {"second", 55, step_second},
    {"Redis is back", 10, step_redis_back},
    {"database changes", 4, step_database},
    {"Redis is away", 4, step_redis_away},
    {"Redis hangs", 3, step_redis_hangs},
    {"trim", 3, step_trim},
    {"pause", 1, step_pause},
};

static void
take_step(uint64_t number)
{
    uint32_t chance;
    size_t i = 0;

    sim_seed(number);
    for (chance = sim_chance(10000); chance >= steps[i].weight; i++)
        chance -= steps[i].weight;
    if (tells)
        printf("%s\n", steps[i].name);
    steps[i].fn();
    check();
}

/* ------------------------------------------------------------ the end of a schedule */

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
calm_turn(int turn, bool with_clients)
{
    for (int i = 0; i < SIM_CLIENTS && with_clients; i++)
        act(&clients[i], true);
    for (int i = 0; i < 5; i++)
        sim_finish_job();
    sim_redis_step();
    step_loop();
    sim_time += 5000;
    if (turn % 10 == 0)
        step_second();
    check();
}

/* Without clients nothing is left in memory, once the topics are forgotten. */
static void
leave(void)
{
    for (int i = 0; i < SIM_CLIENTS; i++)
        disconnect(&clients[i]);
    for (int turn = 0; turn < 2000 && (hub_count() > 0 || sim_jobs_wait()); turn++)
        calm_turn(turn, false);
    schedule_check(hub_count() == 0);
    schedule_check(metrics[METRIC_SOCKETS] == 0 && metrics[METRIC_SESSIONS] == 0);
    schedule_check(metrics[METRIC_FOLLOWS] == 0 && metrics[METRIC_TOPICS] == 0);
    schedule_check(metrics[METRIC_QUEUE_BYTES] == 0 && metrics[METRIC_RING_BYTES] == 0);
}

static void
come_to_rest(void)
{
    const struct topic *t;

    sim_seed(1);
    step_redis_back();
    sim_database = SIM_UNAVAILABLE; /* all that is being read fails, and has to be tried again */
    for (int turn = 0; turn < 20; turn++)
        calm_turn(turn, true);
    sim_database = SIM_WORKS;
    for (int turn = 0; turn < 10000 && !settled(); turn++)
        calm_turn(turn, true);
    for (int i = 0; i < SIM_CLIENTS; i++) {
        struct client *c = &clients[i];

        if (c->following ? c->last != sim.top : sim_may(c->user, sim.top))
            schedule_fail("client %d (user %d, %s) is at %" PRId64 " of %" PRId64
                          ", right %d, asked %d, busy %d",
                          i, c->user, c->conn.session == NULL ? "away" : "here", c->last, sim.top,
                          sim_may(c->user, sim.top), c->asked, c->conn.busy);
    }
    for (int turn = 0; turn < 20; turn++)
        calm_turn(turn, true);
    t = hub_find(sim.topic, strlen(sim.topic));
    schedule_check(t == NULL || t->window == NULL); /* nobody needs it any more */
    leave();
}

/* ------------------------------------------------------------ the test */

static struct schedule wanted;
static unsigned long schedules = SCHEDULES, first_seed;

static void
test_nothing_is_lost_repeated_reordered_or_leaked(void **state)
{
    static const struct schedule_calls calls = {take_step, come_to_rest};

    (void)state;
    if (wanted.seed != 0) {
        assert_true(schedule_run(&calls, &wanted));
        return;
    }
    for (unsigned long i = 0; i < schedules; i++) {
        struct schedule s = {.seed = first_seed + i + 1, .steps = STEPS};

        assert_true(schedule_run(&calls, &s));
    }
    printf("%lu schedules of %d steps: %ld events received, %ld recovered, %ld resyncs, %ld left, "
           "%ld refused, %ld while the database was unavailable, %ld cut off\n",
           schedules, STEPS, schedule_counts[RECEIVED], schedule_counts[RECOVERED],
           schedule_counts[RESYNCS], schedule_counts[LEFTS], schedule_counts[REFUSALS],
           schedule_counts[UNAVAILABLE], schedule_counts[CUTS]);
    for (int i = RECEIVED; i <= UNAVAILABLE && schedules >= SCHEDULES; i++)
        assert_true(schedule_counts[i] > 0); /* otherwise it was not tested */
}

static int
open_all(void **state)
{
    push_config.push_user_sockets = 1000;
    if (token_open(KEY) != ERR_NONE)
        return -1;
    schedule_open();
    sim_start();
    for (int i = 0; i < SIM_CLIENTS; i++) {
        struct token token = {.expires = INT32_MAX};
        char *jwt;

        sim_client(i, token.user, token.session);
        jwt = token_sign(&token);
        clients[i] = (struct client){.user = i % SIM_USERS};
        snprintf(clients[i].hello, sizeof(clients[i].hello), "{\"op\":\"hello\",\"token\":\"%s\"}",
                 jwt);
        free(jwt);
        disconnect(&clients[i]);
    }
    return push_open(state);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_lost_repeated_reordered_or_leaked),
    };

    tells = getenv("TASKWIRE_TELL") != NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            wanted = (struct schedule){.seed = strtoull(argv[i + 1], NULL, 10), .steps = STEPS};
        else if (strcmp(argv[i], "--schedules") == 0)
            schedules = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--after") == 0)
            first_seed = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--keep") != 0 || !schedule_keep(&wanted, argv[i + 1]))
            return 2;
    }
    return cmocka_run_group_tests(tests, open_all, push_close);
}
