/*
 * A connection with short time-outs.  Each operation is one script or command, so that counting is
 * atomic for all hosts.
 */
#include "common/redis/throttle.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/time.h>

#include "common/base/must.h"
#include "common/log.h"
#include "common/redis/bus.h"
#include "common/time/clock.h"

#define ANSWER_US  100000  /* time limit for a reply */
#define RETRY_US   1000000 /* pause after a failure; doubled by each further one */
#define RETRY_MOST 8       /* times RETRY_US, so that a Redis that hangs costs little time */
#define FIRST_WAIT 1000    /* ms; doubled by each further failure */
#define MOST_TRIES 7       /* doublings: 128 s, which allows fewer than 50 tries in an hour */

struct throttle {
    pthread_mutex_t lock;
    char host[108];
    int port;
    redisContext *redis; /* NULL: not connected */
    int64_t retry_at;
    int64_t failures; /* in a row */
};

/* KEYS: failures, wait.  ARGV: free, first wait, most doublings. */
static const char try_script[] =
    "local wait = redis.call('PTTL', KEYS[2]) "
    "if wait > 0 then return wait end "
    "local over = tonumber(redis.call('GET', KEYS[1]) or '0') - tonumber(ARGV[1]) "
    "if over >= 0 then redis.call('SET', KEYS[2], 1, 'PX', "
    "  math.floor(tonumber(ARGV[2]) * 2 ^ math.min(over, tonumber(ARGV[3])))) end "
    "return 0";

/* KEYS: the counter.  ARGV: ms.  Returns the counter and the rest of its window. */
static const char count_script[] = "local n = redis.call('INCR', KEYS[1]) "
                                   "if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end "
                                   "return {n, redis.call('PTTL', KEYS[1])}";

static const char failed_script[] = "local n = redis.call('INCR', KEYS[1]) "
                                    "redis.call('PEXPIRE', KEYS[1], ARGV[1]) return n";

struct throttle *
throttle_open(const char *url)
{
    struct throttle *t = must_alloc(1, sizeof(*t));

    if (bus_address(url, t->host, &t->port) != ERR_NONE) {
        free(t);
        return NULL;
    }
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void
throttle_close(struct throttle *t)
{
    if (t == NULL)
        return;
    if (t->redis != NULL)
        redisFree(t->redis);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* Closes the connection; Redis is not asked again for a while. */
static void
drop(struct throttle *t)
{
    int64_t times = t->failures < 3 ? 1 << t->failures : RETRY_MOST;

    t->failures++;
    log_warn("throttle: Redis does not answer: %s",
             t->redis != NULL && t->redis->err != 0 ? t->redis->errstr : "no connection");
    if (t->redis != NULL)
        redisFree(t->redis);
    t->redis = NULL;
    t->retry_at = clock_steady() + RETRY_US * times;
}

static bool
connected(struct throttle *t)
{
    struct timeval limit = {.tv_usec = ANSWER_US};

    if (t->redis != NULL)
        return true;
    if (clock_steady() < t->retry_at)
        return false;
    t->redis = t->port == 0 ? redisConnectUnixWithTimeout(t->host, limit)
                            : redisConnectWithTimeout(t->host, t->port, limit);
    if (t->redis != NULL && t->redis->err == 0 && redisSetTimeout(t->redis, limit) == REDIS_OK)
        return true;
    drop(t);
    return false;
}

/* Reads an integer, or a list of up to two; ERR_STORE if Redis cannot be reached. */
static enum err
ask(struct throttle *t, long long out[2], const char *format, ...)
{
    redisReply *reply = NULL;
    bool again = true;
    va_list args;

    pthread_mutex_lock(&t->lock);
    /* A connection that Redis closed while idle shows at the first command: try twice. */
    for (int tries = 0; again && reply == NULL && connected(t); tries++) {
        va_start(args, format);
        errno = 0;
        reply = redisvCommand(t->redis, format, args);
        again = tries == 0 && errno != EAGAIN; /* EAGAIN means a time-out */
        va_end(args);
        if (reply == NULL) {
            drop(t);
            t->retry_at = again ? 0 : t->retry_at;
        } else {
            t->failures = 0;
        }
    }
    pthread_mutex_unlock(&t->lock);
    if (reply == NULL)
        return ERR_STORE;
    if (reply->type == REDIS_REPLY_ERROR)
        log_warn("throttle: Redis returned an error: %s", reply->str);
    for (size_t i = 0; i < 2; i++) {
        const redisReply *r = reply->type != REDIS_REPLY_ARRAY ? reply
                              : i < reply->elements            ? reply->element[i]
                                                               : NULL;

        out[i] = r != NULL && r->type == REDIS_REPLY_INTEGER ? r->integer : 0;
    }
    freeReplyObject(reply);
    return ERR_NONE;
}

enum err
throttle_count(struct throttle *t, const char *key, long seconds, struct throttle_window *out)
{
    long long answer[2];
    enum err err = ask(t, answer, "EVAL %s 1 tw:count:%s %ld", count_script, key, seconds * 1000);

    if (err != ERR_NONE)
        return err;
    out->count = (long)answer[0];
    out->seconds = (long)((answer[1] + 999) / 1000);
    return ERR_NONE;
}

enum err
throttle_try(struct throttle *t, const char *key, long free, int64_t *wait_ms)
{
    long long answer[2];
    enum err err = ask(t, answer, "EVAL %s 2 tw:fail:%s tw:wait:%s %ld %d %d", try_script, key, key,
                       free, FIRST_WAIT, MOST_TRIES);

    *wait_ms = err == ERR_NONE ? answer[0] : 0;
    return err;
}

enum err
throttle_failed(struct throttle *t, const char *key)
{
    long long answer[2];

    return ask(t, answer, "EVAL %s 1 tw:fail:%s %d", failed_script, key, THROTTLE_KEPT_MS);
}

enum err
throttle_passed(struct throttle *t, const char *key)
{
    long long answer[2];

    return ask(t, answer, "DEL tw:fail:%s tw:wait:%s", key, key);
}

int64_t
throttle_delay(long failures, long free)
{
    long over = failures - free;

    if (over < 0)
        return 0;
    return (int64_t)FIRST_WAIT << (over < MOST_TRIES ? over : MOST_TRIES);
}
