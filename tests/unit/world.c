/*
 * One project's log, a database that is slow and fails, a Redis that loses,
 * delays and goes away: what stands for push's surroundings in test_promise.c.
 */
#include "tests/unit/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/event.h"
#include "push/feed.h"
#include "push/frame.h"
#include "push/look.h"
#include "push/reads.h"
#include "push/topics.h"
#include "push/who.h"
#include "tests/unit/unit.h"

/* ------------------------------------------------------------ the world */

struct world world;

static unsigned char users[USERS][12];
static uint64_t seed;

uint32_t
chance(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % below;
}

bool
may(int user, int64_t seq)
{
    return world.everyone[seq] || world.member[seq][user];
}

/* Was there a moment from `from` on when the user's right was as said? */
bool
ever(int user, int64_t from, bool right)
{
    for (int64_t seq = from; seq <= world.top; seq++)
        if (may(user, seq) == right)
            return true;
    return false;
}

static struct {
    bool up;
    struct text waiting[64]; /* published, not yet delivered; in no order */
    int count;
} redis = {.up = true};

static char asked[64][64]; /* channels whose subscription Redis has not seen yet */
static int asked_count;
static bool subscribed; /* to the round's topic, in Redis' eyes */

static void
publish(int64_t seq)
{
    struct text *m;
    uint32_t fate = chance(10);

    if (!redis.up || fate == 0 || redis.count == 64)
        return; /* lost */
    m = &redis.waiting[redis.count++];
    text_printf(m, "%lld %s %s\n", (long long)seq, world.kinds[seq], world.entities[seq]);
    text_add(m, world.frames[seq].bytes, world.frames[seq].len);
}

/* An event as older servers wrote it: larger than the queue of a session. */
static void
enlarge(struct text *frame)
{
    frame->len--;
    text_puts(frame, ",\"pad\":\"");
    for (int i = 0; i < LARGE / 16; i++)
        text_puts(frame, "0123456789abcdef");
    text_puts(frame, "\"}");
}

/* A new event, sometimes one that changes rights. */
void
write_event(void)
{
    int64_t seq = world.top + 1;
    int user = (int)chance(USERS);
    struct event e = {.kind = EVENT_TASK_UPDATED,
                      .topic = world.topic,
                      .seq = seq,
                      .rev = seq,
                      .at = seq,
                      .entity_id = world.id};
    char id[25];

    if (seq > EVENTS)
        return;
    memcpy(world.member[seq], world.member[seq - 1], sizeof(world.member[seq]));
    world.everyone[seq] = world.everyone[seq - 1];
    text_hex(id, users[user], 12);
    switch (chance(20)) {
    case 0:
        e.kind = world.member[seq][user] ? EVENT_MEMBER_REMOVED : EVENT_MEMBER_ADDED;
        world.member[seq][user] = !world.member[seq][user];
        e.entity_id = id;
        break;
    case 1:
        e.kind = EVENT_PROJECT_UPDATED;
        if (chance(3) > 0) {
            world.everyone[seq] = !world.everyone[seq];
            e.changes = world.everyone[seq] ? "{\"access\":[\"members\",\"everyone\"]}"
                                            : "{\"access\":[\"everyone\",\"members\"]}";
        }
        break;
    default:
        break;
    }
    text_clear(&world.frames[seq]);
    event_frame(&world.frames[seq], EPOCH, &e);
    if (chance(200) == 0)
        enlarge(&world.frames[seq]);
    strcpy(world.kinds[seq], event_names[e.kind].kind);
    strcpy(world.entities[seq], e.entity_id);
    world.top = seq;
    publish(seq);
}

void
new_world(uint64_t first, int round)
{
    for (int seq = 0; seq <= EVENTS; seq++)
        text_free(&world.frames[seq]);
    while (redis.count > 0)
        text_free(&redis.waiting[--redis.count]);
    asked_count = 0;
    subscribed = false;
    seed = first;
    memset(world.member, 0, sizeof(world.member));
    memset(world.everyone, 0, sizeof(world.everyone));
    snprintf(world.id, sizeof(world.id), "%024x", (unsigned)round + 1);
    snprintf(world.topic, sizeof(world.topic), "project:%s", world.id);
    world.top = world.oldest = 0;
    for (int u = 0; u < USERS; u++)
        world.member[0][u] = u < 3;
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

static void
answer_load(struct load *load)
{
    strcpy(load->epoch, EPOCH);
    for (uint32_t i = 0; i < load->count; i++) {
        struct load_topic *t = &load->topics[i];

        t->found = t->project = strcmp(t->name, world.topic) == 0;
        if (!t->found)
            continue;
        t->seq = world.top;
        if (chance(3) == 0)
            write_event(); /* between number and rights */
        t->rights.open = world.everyone[world.top];
        for (int u = 0; u < USERS; u++)
            if (world.member[world.top][u])
                rights_add(&t->rights, users[u]);
    }
}

static void
answer_page(struct page *page)
{
    int64_t seq = page->after < world.oldest ? world.oldest + 1 : page->after + 1;
    int most = chance(4) == 0 ? 1 + (int)chance(5) : page->limit; /* large events: a short page */

    page->top = world.top;
    if (strcmp(page->topic, world.topic) != 0)
        return;
    page->items = calloc((size_t)page->limit + 1, sizeof(*page->items));
    for (; seq <= world.top && seq <= page->upto && (int)page->count < page->limit &&
           (int)page->count < most;
         seq++) {
        struct happening *h = &page->items[page->count++];

        h->seq = seq;
        h->frame = frame_new(world.frames[seq].bytes, world.frames[seq].len);
        reads_effect(h, world.kinds[seq], world.entities[seq]);
    }
}

static void
answer_heads(struct heads *h)
{
    strcpy(h->epoch, EPOCH);
    for (uint32_t i = 0; i < h->asked; i++)
        if (strcmp(h->names[i].name, world.topic) == 0)
            reads_heads_add(h, world.topic, world.top);
    if (h->since > 0 && world.top > 0)
        reads_heads_add(h, world.topic, world.top);
}

static void
answer_check(struct check *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        c->items[i].alive = c->items[i].shown = true;
}

/* One job gets its answer, not always the oldest one. */
void
finish_job(bool may_fail)
{
    int i = job_count == 0 ? 0 : (int)chance((uint32_t)job_count);
    struct job *job = jobs[i];

    if (job_count == 0)
        return;
    jobs[i] = jobs[--job_count];
    job->err = may_fail && chance(200) == 0 ? ERR_STORE : ERR_NONE;
    if (job->err == ERR_NONE)
        job->work(job, NULL);
    job->done(job);
}

#define ANSWER(kind)                                                                               \
    static enum err work_##kind(struct job *job, struct store *store)                              \
    {                                                                                              \
        (void)store;                                                                               \
        answer_##kind((struct kind *)job);                                                         \
        return ERR_NONE;                                                                           \
    }
ANSWER(load)
ANSWER(page)
ANSWER(heads)
ANSWER(check)

void __wrap_reads_load(struct load *load);
void
__wrap_reads_load(struct load *load)
{
    load->job.work = work_load;
    add_job(&load->job);
}

void __wrap_reads_page(struct page *page, const unsigned char *user);
void
__wrap_reads_page(struct page *page, const unsigned char *user)
{
    (void)user;
    page->job.work = work_page;
    add_job(&page->job);
}

void __wrap_reads_heads(struct heads *heads);
void
__wrap_reads_heads(struct heads *h)
{
    h->names = h->items;
    h->asked = h->count;
    h->items = NULL;
    h->count = h->size = 0;
    h->job.work = work_heads;
    add_job(&h->job);
}

void __wrap_reads_check(struct check *check);
void
__wrap_reads_check(struct check *check)
{
    check->job.work = work_check;
    add_job(&check->job);
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

void
redis_step(void)
{
    if (asked_count > 0 && chance(3) == 0) {
        char channel[64];

        strcpy(channel, asked[0]);
        memmove(asked, asked + 1, sizeof(asked[0]) * (size_t)--asked_count);
        subscribed = subscribed || strcmp(channel + 3, world.topic) == 0;
        topics_calls.subscribed(channel);
    }
    while (redis.count > 0 && chance(2) == 0) {
        int i = chance(4) == 0 ? (int)chance((uint32_t)redis.count) : 0;
        struct text m = redis.waiting[i];
        char channel[64];

        memmove(redis.waiting + i, redis.waiting + i + 1, sizeof(m) * (size_t)(--redis.count - i));
        redis.waiting[redis.count] = (struct text){0};
        snprintf(channel, sizeof(channel), EVENT_CHANNEL "%s", world.topic);
        if (subscribed)
            topics_calls.message(channel, m.bytes, m.len);
        text_free(&m);
    }
}

void
redis_goes(void)
{
    while (redis.count > 0)
        text_free(&redis.waiting[--redis.count]);
    asked_count = 0;
    redis.up = subscribed = false;
    topics_calls.down();
}

void
redis_comes(void)
{
    redis.up = true;
    topics_calls.up();
}

bool
redis_is_up(void)
{
    return redis.up;
}

bool
jobs_wait(void)
{
    return job_count > 0;
}

void
world_open(void)
{
    for (int u = 0; u < USERS; u++)
        users[u][0] = (unsigned char)(u + 1);
}

void
world_user(int user, char id[25])
{
    text_hex(id, users[user], 12);
}
