/*
 * Two keys in Redis for each stripe. `held` exists while a host has the ticket, and expires if its
 * holder dies. `free` is a list with one element once the ticket was given back: waiting hosts
 * block on it, and Redis serves them in order of arrival.
 */
#include "common/topics/ticket.h"

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "common/log.h"
#include "common/time/clock.h"

#define LEASE_MS  1000    /* how long a ticket may be held, or stay free; time for many commits */
#define BLOCK_MS  100     /* one wait in Redis; then it checks whether the holder died */
#define PAUSE_US  5000000 /* after an error Redis is not asked for so long */
#define RECENT_US 1000000 /* how long a stripe takes tickets after a conflict */
#define LINKS_MAX 64      /* idle connections to keep; more than threads that wait at once */

/* KEYS: free, held.  ARGV: lease.  1: the ticket is the caller's. */
static const char take_script[] =
    "if redis.call('LPOP', KEYS[1]) or redis.call('EXISTS', KEYS[2]) == 0 then "
    "  redis.call('SET', KEYS[2], 1, 'PX', ARGV[1]) return 1 end "
    "return 0";

/* The next waiting host gets the ticket at once, with a new lease. */
static const char give_script[] = "redis.call('SET', KEYS[2], 1, 'PX', ARGV[1]) "
                                  "if redis.call('LLEN', KEYS[1]) == 0 then "
                                  "  redis.call('RPUSH', KEYS[1], 1) "
                                  "  redis.call('PEXPIRE', KEYS[1], ARGV[1]) end "
                                  "return 0";

struct link {
    redisContext *redis;
    int unread; /* replies that were not waited for */
};

struct tickets {
    char host[108];
    int port, answer_ms;
    pthread_mutex_t lock;
    struct link idle[LINKS_MAX];
    int idle_count;
    atomic_llong again_at; /* Redis is not asked before this time (clock_steady()) */
};

static atomic_llong
    *taken_until; /* for each stripe: takes tickets until then; NULL: no stripe does */

void
tickets_share(void)
{
    taken_until = mmap(NULL, TOPIC_LOCK_STRIPES * sizeof(*taken_until), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (taken_until == MAP_FAILED)
        abort();
}

struct tickets *
tickets_open(const char *host, int port, int answer_ms)
{
    struct tickets *t = calloc(1, sizeof(*t));

    if (t == NULL)
        abort();
    strncpy(t->host, host, sizeof(t->host) - 1);
    t->port = port;
    t->answer_ms = answer_ms;
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void
tickets_close(struct tickets *t)
{
    if (t == NULL)
        return;
    while (t->idle_count > 0)
        redisFree(t->idle[--t->idle_count].redis);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static struct timeval
milliseconds(int ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

/* Takes a connection for the caller alone; false if there is none. */
static bool
take_link(struct tickets *t, struct link *out)
{
    struct timeval limit = milliseconds(t->answer_ms);

    *out = (struct link){0};
    pthread_mutex_lock(&t->lock);
    if (t->idle_count > 0)
        *out = t->idle[--t->idle_count];
    pthread_mutex_unlock(&t->lock);
    if (out->redis != NULL)
        return true;
    out->redis = t->port == 0 ? redisConnectUnixWithTimeout(t->host, limit)
                              : redisConnectWithTimeout(t->host, t->port, limit);
    return out->redis != NULL && out->redis->err == 0 &&
           redisSetTimeout(out->redis, limit) == REDIS_OK;
}

static void
give_link(struct tickets *t, struct link *l)
{
    pthread_mutex_lock(&t->lock);
    if (t->idle_count < LINKS_MAX)
        t->idle[t->idle_count++] = *l;
    else
        redisFree(l->redis);
    pthread_mutex_unlock(&t->lock);
}

/* Redis cannot be reached or hangs: this process goes on without tickets for a while. */
static void
give_up(struct tickets *t, struct link *l)
{
    if (atomic_exchange(&t->again_at, clock_steady() + PAUSE_US) < clock_steady())
        log_warn("ticket: Redis does not answer: %s",
                 l->redis != NULL && l->redis->err != 0 ? l->redis->errstr : "no answer");
    if (l->redis != NULL)
        redisFree(l->redis);
    l->redis = NULL;
}

static bool
send_script(struct link *l, const char *script, int stripe)
{
    int done = 0;

    if (redisAppendCommand(l->redis, "EVAL %s 2 tw:ticket:%d:free tw:ticket:%d:held %d", script,
                           stripe, stripe, LEASE_MS) != REDIS_OK)
        return false;
    l->unread++;
    while (!done)
        if (redisBufferWrite(l->redis, &done) != REDIS_OK)
            return false;
    return true;
}

/* The reply to the last command; NULL if it does not come in time. */
static redisReply *
last_answer(struct link *l)
{
    void *reply = NULL;

    while (l->unread > 0) {
        freeReplyObject(reply);
        reply = NULL;
        if (redisGetReply(l->redis, &reply) != REDIS_OK)
            return NULL;
        l->unread--;
    }
    return reply;
}

enum answer { MINE, TAKEN, NO_REDIS };

static enum answer
ask(struct link *l, int stripe)
{
    redisReply *reply = send_script(l, take_script, stripe) ? last_answer(l) : NULL;
    enum answer answer = NO_REDIS;

    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER)
        answer = reply->integer == 1 ? MINE : TAKEN;
    freeReplyObject(reply);
    return answer;
}

/* Blocks in Redis until the ticket is given back, for at most BLOCK_MS. */
static enum answer
block(struct link *l, int stripe, int answer_ms)
{
    enum answer answer = NO_REDIS;
    redisReply *reply = NULL;

    if (redisSetTimeout(l->redis, milliseconds(BLOCK_MS + answer_ms)) == REDIS_OK)
        reply = redisCommand(l->redis, "BLPOP tw:ticket:%d:free 0.%03d", stripe, BLOCK_MS);
    if (reply != NULL && reply->type == REDIS_REPLY_ARRAY)
        answer = MINE;
    else if (reply != NULL && reply->type == REDIS_REPLY_NIL)
        answer = TAKEN;
    freeReplyObject(reply);
    if (answer != NO_REDIS && redisSetTimeout(l->redis, milliseconds(answer_ms)) != REDIS_OK)
        answer = NO_REDIS;
    return answer;
}

/* *since: the ticket's lease began at this time or later. */
static enum answer
wait_for(struct link *l, int stripe, int64_t until, int answer_ms, int64_t *since)
{
    enum answer answer;

    *since = clock_steady();
    if ((answer = ask(l, stripe)) == TAKEN) /* by another host: the hosts still compete */
        atomic_store(&taken_until[stripe], clock_steady() + RECENT_US);
    while (answer == TAKEN && clock_steady() < until) {
        *since = clock_steady();
        if ((answer = block(l, stripe, answer_ms)) == TAKEN)
            answer = ask(l, stripe);
    }
    return answer;
}

void
ticket_conflict(const struct topic_lock *lock)
{
    for (int i = 0; taken_until != NULL && i < lock->count; i++)
        atomic_store(&taken_until[lock->stripe[i]], clock_steady() + RECENT_US);
}

bool
ticket_contended(const struct topic_lock *lock)
{
    for (int i = 0; taken_until != NULL && i < lock->count; i++)
        if (atomic_load(&taken_until[lock->stripe[i]]) >= clock_steady())
            return true;
    return false;
}

void
ticket_take(struct tickets *t, const struct topic_lock *lock, int wait_ms, struct ticket *out)
{
    struct link l = {0};
    enum answer answer = MINE;
    int64_t since;

    out->count = 0;
    out->until = INT64_MAX;
    for (int i = 0; t != NULL && taken_until != NULL && answer == MINE && i < lock->count; i++) {
        int stripe = lock->stripe[i];
        int64_t now = clock_steady();

        if (atomic_load(&taken_until[stripe]) < now || atomic_load(&t->again_at) > now)
            continue;
        answer = l.redis != NULL || take_link(t, &l)
                     ? wait_for(&l, stripe, now + (int64_t)wait_ms * 1000, t->answer_ms, &since)
                     : NO_REDIS;
        if (answer != MINE)
            break;
        out->stripe[out->count++] = stripe;
        if (since + LEASE_MS * 1000 < out->until)
            out->until = since + LEASE_MS * 1000;
    }
    if (answer == NO_REDIS)
        give_up(t, &l);
    else if (l.redis != NULL)
        give_link(t, &l);
}

bool
ticket_holds(const struct ticket *ticket)
{
    return ticket->count > 0 && clock_steady() < ticket->until;
}

void
ticket_give(struct tickets *t, struct ticket *ticket)
{
    struct link l = {0};
    bool ok = true;

    /* After the lease another host may hold them: giving them back would make a second ticket. */
    if (!ticket_holds(ticket))
        return;
    if (!take_link(t, &l)) {
        give_up(t, &l);
        return;
    }
    while (ok && ticket->count > 0)
        ok = send_script(&l, give_script, ticket->stripe[--ticket->count]);
    if (ok)
        give_link(t, &l);
    else
        give_up(t, &l);
}
