/*
 * The wrapped functions (CMakeLists.txt) replace the database and Redis.
 */
#include "tests/unit/push_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/change/event_find.h"
#include "common/store/store.h"
#include "common/time/clock.h"
#include "push/sources/feed.h"
#include "push/sources/reader.h"
#include "push/wiring.h"
#include "tests/unit/unit.h"

/* ------------------------------------------------------------ the log */

struct sim sim;

static unsigned char users[SIM_USERS][12] = {{1}, {2}, {3}, {4}, {5}};
static uint64_t seed = 1;

void
sim_seed(uint64_t number)
{
    seed = number == 0 ? 1 : number; /* 0 would stay 0 */
}

uint32_t
sim_chance(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % below;
}

bool
sim_may(int user, int64_t seq)
{
    return sim.everyone[seq] || sim.member[seq][user];
}

/* Was there a moment from `from` on when the user's right was as given? */
bool
sim_ever(int user, int64_t from, bool right)
{
    for (int64_t seq = from; seq <= sim.top; seq++)
        if (sim_may(user, seq) == right)
            return true;
    return false;
}

void
sim_client(int client, char user[25], char session[25])
{
    text_hex(user, users[client % SIM_USERS], 12);
    snprintf(session, 25, "%024x", (unsigned)client + 1);
}

static struct {
    bool up;
    struct text waiting[64]; /* published, not yet delivered; in no order */
    int count;
} redis = {.up = true};

static char asked[64][64]; /* channels whose subscription Redis has not seen yet */
static int asked_count;
static bool subscribed; /* to the round's topic, according to Redis */

static int64_t touched; /* ms, when the topic's number was last increased */

static void
publish(int64_t seq)
{
    uint32_t fate = sim_chance(20), copies = fate < 2 ? 0 : fate == 2 ? 2 : 1;

    for (; redis.up && copies > 0 && redis.count < 64; copies--) {
        struct text *m = &redis.waiting[redis.count++];

        text_printf(m, "%lld %s %s\n", (long long)seq, sim.kinds[seq], sim.entities[seq]);
        text_add(m, sim.frames[seq].bytes, sim.frames[seq].len);
    }
}

/* An event as older servers wrote it: larger than the queue of a session. */
static void
enlarge(struct text *frame)
{
    frame->len--;
    text_puts(frame, ",\"pad\":\"");
    for (int i = 0; i < SIM_LARGE / 16; i++)
        text_puts(frame, "0123456789abcdef");
    text_puts(frame, "\"}");
}

/* A new event, sometimes one that changes rights. */
void
sim_write_event(void)
{
    int64_t seq = sim.top + 1;
    int user = (int)sim_chance(SIM_USERS);
    struct event e = {.kind = EVENT_TASK_UPDATED,
                      .topic = sim.topic,
                      .seq = seq,
                      .rev = seq,
                      .at = seq,
                      .entity_id = sim.id};
    char id[25];

    if (seq > SIM_EVENTS)
        return;
    memcpy(sim.member[seq], sim.member[seq - 1], sizeof(sim.member[seq]));
    sim.everyone[seq] = sim.everyone[seq - 1];
    text_hex(id, users[user], 12);
    switch (sim_chance(20)) {
    case 0:
        e.kind = sim.member[seq][user] ? EVENT_MEMBER_REMOVED : EVENT_MEMBER_ADDED;
        sim.member[seq][user] = !sim.member[seq][user];
        e.entity_id = id;
        break;
    case 1:
        e.kind = EVENT_PROJECT_UPDATED;
        if (sim_chance(3) > 0)
            sim.everyone[seq] = !sim.everyone[seq];
        if (sim_chance(4) == 0)
            e.changes = "null"; /* they were too long, so the event does not say what changed */
        else if (sim.everyone[seq] != sim.everyone[seq - 1])
            e.changes = sim.everyone[seq] ? "{\"access\":[\"members\",\"everyone\"]}"
                                          : "{\"access\":[\"everyone\",\"members\"]}";
        break;
    default:
        break;
    }
    text_clear(&sim.frames[seq]);
    event_frame(&sim.frames[seq], SIM_EPOCH, &e);
    if (sim_chance(200) == 0)
        enlarge(&sim.frames[seq]);
    strcpy(sim.kinds[seq], event_rows[e.kind].kind);
    strcpy(sim.entities[seq], e.entity_id);
    sim.top = seq;
    touched = clock_now();
    publish(seq);
}

void
sim_start(void)
{
    snprintf(sim.id, sizeof(sim.id), "%024x", 1u);
    snprintf(sim.topic, sizeof(sim.topic), "project:%s", sim.id);
    for (int u = 0; u < SIM_USERS; u++)
        sim.member[0][u] = u < 3;
}

/* ------------------------------------------------------------ time */

int64_t sim_time = 1000000000;

/*
 * In place of the C library's, also for libev, which is a shared library.  Each reading takes a
 * microsecond, so that nothing happens at the same time as something else.
 */
__attribute__((visibility("default"))) int
clock_gettime(clockid_t clock, struct timespec *out)
{
    sim_time++;
    out->tv_sec = sim_time / 1000000 + (clock == CLOCK_REALTIME ? 1700000000 : 0);
    out->tv_nsec = sim_time % 1000000 * 1000;
    return 0;
}

/* ------------------------------------------------------------ the database */

static struct job *jobs[256];
static int job_count;

static void
add_job(struct job *job)
{
    assert_true(job_count < 256);
    jobs[job_count++] = job;
}

void __wrap_reader_add_urgent(struct job *job, enum urgency urgency);
void
__wrap_reader_add_urgent(struct job *job, enum urgency urgency)
{
    (void)urgency;
    add_job(job);
}

void __wrap_reader_add(struct job *job, const unsigned char user[12]);
void
__wrap_reader_add(struct job *job, const unsigned char user[12])
{
    (void)user;
    add_job(job);
}

void __wrap_reader_add_owner(struct job *job, const unsigned char user[12]);
void
__wrap_reader_add_owner(struct job *job, const unsigned char user[12])
{
    (void)job, (void)user;
}

enum sim_database sim_database;

/* Does the query fail? */
static bool
fails(void)
{
    return sim_database == SIM_UNAVAILABLE || (sim_database == SIM_TROUBLE && sim_chance(8) == 0);
}

bool __wrap_reader_store_unavailable(void);
bool
__wrap_reader_store_unavailable(void)
{
    return sim_database == SIM_UNAVAILABLE;
}

/* One job is done, not always the oldest one. */
void
sim_finish_job(void)
{
    int i = job_count == 0 ? 0 : (int)sim_chance((uint32_t)job_count);
    struct job *job = jobs[i];

    if (job_count == 0)
        return;
    jobs[i] = jobs[--job_count];
    job->err = job->cancelled ? ERR_NOT_FOUND : job->work(job, NULL);
    job->done(job);
}

bool
sim_jobs_wait(void)
{
    return job_count > 0;
}

enum err __wrap_store_epoch(struct store *store, char out[STORE_EPOCH]);
enum err
__wrap_store_epoch(struct store *store, char out[STORE_EPOCH])
{
    (void)store;
    strcpy(out, SIM_EPOCH);
    return fails() ? ERR_STORE : ERR_NONE;
}

/* The project's number, if it has one and is among the names (NULL: all topics). */
static enum err
give_head(const char *const *names, int count, event_each each, void *arg)
{
    struct event_item item = {.topic = sim.topic, .seq = sim.top};

    if (fails())
        return ERR_STORE;
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], sim.topic) == 0)
            return each(arg, &item);
    return ERR_NONE;
}

enum err __wrap_event_find_heads(struct store *store, const char *const *names, int count,
                                 event_each each, void *arg);
enum err
__wrap_event_find_heads(struct store *store, const char *const *names, int count, event_each each,
                        void *arg)
{
    (void)store;
    return give_head(names, count, each, arg);
}

enum err __wrap_event_find_touched(struct store *store, int64_t at, event_each each, void *arg);
enum err
__wrap_event_find_touched(struct store *store, int64_t at, event_each each, void *arg)
{
    const char *const names[] = {sim.topic};

    (void)store;
    return sim.top == 0 || touched < at ? ERR_NONE : give_head(names, 1, each, arg);
}

enum err __wrap_event_log_head(struct store *store, const char *topic, int64_t *seq);
enum err
__wrap_event_log_head(struct store *store, const char *topic, int64_t *seq)
{
    (void)store;
    if (fails())
        return ERR_STORE;
    if (strcmp(topic, sim.topic) != 0)
        return ERR_NOT_FOUND;
    *seq = sim.top;
    return ERR_NONE;
}

enum err __wrap_event_log_read(struct store *store, const struct event_after *what, event_each each,
                               void *arg);
enum err
__wrap_event_log_read(struct store *store, const struct event_after *what, event_each each,
                      void *arg)
{
    int64_t seq = what->after < sim.oldest ? sim.oldest + 1 : what->after + 1;
    int most = sim_chance(4) == 0 ? 1 + (int)sim_chance(5) : what->limit; /* as with large events */
    enum err err = ERR_NONE;

    (void)store;
    if (strcmp(what->topic, sim.topic) != 0)
        return ERR_NONE;
    if (fails())
        return ERR_STORE;
    for (int i = 0; err == ERR_NONE && i < most && i < what->limit && seq <= sim.top; i++, seq++) {
        struct event_item item = {.seq = seq,
                                  .topic = sim.topic,
                                  .kind = sim.kinds[seq],
                                  .entity_id = sim.entities[seq],
                                  .frame = sim.frames[seq].bytes,
                                  .len = sim.frames[seq].len};

        err = each(arg, &item);
    }
    return err == ERR_NONE && fails() ? ERR_STORE : err;
}

/* Hands out a document and frees it. */
static enum err
give(bson_t *doc, store_each each, void *arg)
{
    enum err err = each(arg, doc);

    bson_destroy(doc);
    return err;
}

static enum err
give_project(store_each each, void *arg)
{
    bson_t *doc = bson_new(), members, member;
    bson_oid_t id;
    int count = 0;

    if (sim_chance(3) == 0)
        sim_write_event(); /* between the reading of the number and that of the rights */
    bson_oid_init_from_string(&id, sim.id);
    BSON_APPEND_OID(doc, "_id", &id);
    BSON_APPEND_UTF8(doc, "access", sim.everyone[sim.top] ? "everyone" : "members");
    BSON_APPEND_ARRAY_BEGIN(doc, "members", &members);
    for (int u = 0; u < SIM_USERS; u++) {
        char key[16];
        bson_oid_t user;

        if (!sim.member[sim.top][u])
            continue;
        memcpy(user.bytes, users[u], 12);
        snprintf(key, sizeof(key), "%d", count++);
        BSON_APPEND_DOCUMENT_BEGIN(&members, key, &member);
        BSON_APPEND_OID(&member, "userId", &user);
        bson_append_document_end(&members, &member);
    }
    bson_append_array_end(doc, &members);
    return give(doc, each, arg);
}

/* The filters are by id, and each reader picks what it asked for, so all documents are returned. */
enum err __wrap_store_find(struct store *store, const struct store_query *query, store_each each,
                           void *arg);
enum err
__wrap_store_find(struct store *store, const struct store_query *query, store_each each, void *arg)
{
    enum err err = ERR_NONE;

    (void)store;
    if (fails())
        return ERR_STORE;
    if (query->name == STORE_PROJECTS)
        return give_project(each, arg);
    for (int i = 0; err == ERR_NONE && i < SIM_CLIENTS; i++) {
        char user[25], session[25];
        bson_oid_t user_id, session_id;

        sim_client(i, user, session);
        bson_oid_init_from_string(&user_id, user);
        bson_oid_init_from_string(&session_id, session);
        err = query->name == STORE_USERS
                  ? give(BCON_NEW("_id", BCON_OID(&user_id)), each, arg)
                  : give(BCON_NEW("_id", BCON_OID(&session_id), "userId", BCON_OID(&user_id)), each,
                         arg);
    }
    return err;
}

/* ------------------------------------------------------------ Redis */

bool __wrap_feed_is_up(void);
bool
__wrap_feed_is_up(void)
{
    return redis.up;
}

void __wrap_feed_subscribe(const char *channel);
void
__wrap_feed_subscribe(const char *channel)
{
    if (redis.up && asked_count < 64)
        snprintf(asked[asked_count++], sizeof(asked[0]), "%s", channel);
}

void __wrap_feed_unsubscribe(const char *channel);
void
__wrap_feed_unsubscribe(const char *channel)
{
    (void)channel;
}

void __wrap_feed_command(const char *const *words, const size_t *lens, int count,
                         feed_answer answer, void *arg);
void
__wrap_feed_command(const char *const *words, const size_t *lens, int count, feed_answer answer,
                    void *arg)
{
    (void)words, (void)lens, (void)count;
    if (answer != NULL)
        answer(arg, NULL, 0);
}

bool sim_redis_hangs;

void
sim_redis_step(void)
{
    if (sim_redis_hangs)
        return;
    if (asked_count > 0 && sim_chance(3) == 0) {
        char channel[64];

        strcpy(channel, asked[0]);
        memmove(asked, asked + 1, sizeof(asked[0]) * (size_t)--asked_count);
        subscribed = subscribed || strcmp(channel + 3, sim.topic) == 0;
        wiring_feed_calls.subscribed(channel);
    }
    while (redis.count > 0 && sim_chance(2) == 0) {
        int i = sim_chance(4) == 0 ? (int)sim_chance((uint32_t)redis.count) : 0;
        struct text m = redis.waiting[i];
        char channel[64];

        memmove(redis.waiting + i, redis.waiting + i + 1, sizeof(m) * (size_t)(--redis.count - i));
        redis.waiting[redis.count] = (struct text){0};
        snprintf(channel, sizeof(channel), EVENT_CHANNEL "%s", sim.topic);
        if (subscribed)
            wiring_feed_calls.message(channel, m.bytes, m.len);
        text_free(&m);
    }
}

void
sim_redis_down(void)
{
    while (redis.count > 0)
        text_free(&redis.waiting[--redis.count]);
    asked_count = 0;
    redis.up = subscribed = sim_redis_hangs = false;
    wiring_feed_calls.down();
}

void
sim_redis_up(void)
{
    redis.up = true;
    wiring_feed_calls.up();
}

bool
sim_redis_is_up(void)
{
    return redis.up;
}
