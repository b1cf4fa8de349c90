/*
 * A connection without waiting: commands are written at once and the answers
 * read when the next one goes out.  A lost message costs push one sweep.
 */
#include "common/bus.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"

#define WRITE_MS 100    /* a Redis that does not drain for so long is given up */
#define RETRY_US 500000 /* after a failure, before the next try to connect */

struct bus {
    pthread_mutex_t lock;
    char host[108];
    int port;
    redisContext *redis; /* NULL: not connected */
    int64_t retry_at;
    unsigned long failures;
};

enum err
bus_address(const char *url, char host[108], int *port)
{
    const char *colon;

    if (strncmp(url, "unix://", 7) == 0 && strlen(url + 7) < 108) {
        snprintf(host, 108, "%s", url + 7);
        *port = 0;
        return ERR_NONE;
    }
    if (strncmp(url, "redis://", 8) != 0 || (colon = strrchr(url + 8, ':')) == NULL ||
        (size_t)(colon - url - 8) >= 108)
        return ERR_INVALID;
    snprintf(host, 108, "%.*s", (int)(colon - url - 8), url + 8);
    *port = atoi(colon + 1);
    return *port > 0 && *port < 65536 && host[0] != '\0' ? ERR_NONE : ERR_INVALID;
}

struct bus *
bus_open(const char *url)
{
    struct bus *b = calloc(1, sizeof(*b));

    if (b == NULL)
        abort();
    if (bus_address(url, b->host, &b->port) != ERR_NONE) {
        log_error("bus: REDIS_URL must be redis://host:port or unix:///path");
        free(b);
        return NULL;
    }
    pthread_mutex_init(&b->lock, NULL);
    return b;
}

static void
drop(struct bus *b)
{
    if (b->redis != NULL)
        redisFree(b->redis);
    b->redis = NULL;
}

void
bus_close(struct bus *b)
{
    if (b == NULL)
        return;
    drop(b);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

static bool
wait_for(redisContext *c, short what)
{
    struct pollfd p = {.fd = c->fd, .events = what};

    return poll(&p, 1, WRITE_MS) == 1 && (p.revents & what) != 0;
}

static bool
connected(struct bus *b)
{
    if (b->redis != NULL)
        return true;
    if (clock_steady() < b->retry_at)
        return false;
    b->redis =
        b->port == 0 ? redisConnectUnixNonBlock(b->host) : redisConnectNonBlock(b->host, b->port);
    if (b->redis != NULL && b->redis->err == 0 && wait_for(b->redis, POLLOUT))
        return true;
    log_warn("bus: Redis cannot be reached: %s",
             b->redis != NULL && b->redis->err != 0 ? b->redis->errstr : "no answer");
    drop(b);
    b->retry_at = clock_steady() + RETRY_US;
    return false;
}

/* Sends what is queued; false when the connection is lost. */
static bool
flush(struct bus *b)
{
    int done = 0;

    for (;;) {
        if (redisBufferWrite(b->redis, &done) != REDIS_OK)
            return false;
        if (done)
            return true;
        if (!wait_for(b->redis, POLLOUT))
            return false;
    }
}

/* Reads the answers that are there; *any (may be NULL) tells whether one came. */
static bool
take_answers(struct bus *b, bool *any)
{
    void *reply;

    if (redisBufferRead(b->redis) != REDIS_OK)
        return false;
    for (;;) {
        if (redisGetReplyFromReader(b->redis, &reply) != REDIS_OK)
            return false;
        if (reply == NULL)
            return true;
        if (((redisReply *)reply)->type == REDIS_REPLY_ERROR)
            log_warn("bus: Redis refuses: %s", ((redisReply *)reply)->str);
        else if (any != NULL)
            *any = true;
        freeReplyObject(reply);
    }
}

static bool
publish(struct bus *b, const char *channel, const char *message, size_t len)
{
    if (!connected(b))
        return false;
    if (redisAppendCommand(b->redis, "PUBLISH %s %b", channel, message, len) == REDIS_OK &&
        flush(b) && take_answers(b, NULL))
        return true;
    log_warn("bus: the connection to Redis is lost: %s", b->redis->errstr);
    drop(b);
    return false;
}

void
bus_publish(struct bus *b, const char *channel, const char *message, size_t len)
{
    pthread_mutex_lock(&b->lock);
    /* A connection that Redis closed while idle shows at the first write: try twice. */
    if (!publish(b, channel, message, len) && !publish(b, channel, message, len))
        b->failures++;
    pthread_mutex_unlock(&b->lock);
}

bool
bus_ping(struct bus *b)
{
    bool any = false, ok;

    pthread_mutex_lock(&b->lock);
    b->retry_at = 0;
    ok = connected(b) && take_answers(b, NULL) &&
         redisAppendCommand(b->redis, "PING") == REDIS_OK && flush(b);
    while (ok && !any)
        ok = wait_for(b->redis, POLLIN) && take_answers(b, &any);
    if (!ok)
        drop(b);
    pthread_mutex_unlock(&b->lock);
    return ok;
}

unsigned long
bus_failures(const struct bus *b)
{
    return b->failures;
}
