/*
 * The connection never blocks: commands are written as far as the socket accepts them, replies are
 * read when the next command is sent.  A Redis that hangs therefore costs no writer's time; its
 * messages are lost, but push finds the events in the log a second later.  Probes use a connection
 * of their own.
 */
#include "common/redis/bus.h"

#include <hiredis/hiredis.h>
#include <hiredis/sds.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"
#include "common/log.h"
#include "common/text/text.h"
#include "common/time/clock.h"
#include "common/topics/ticket.h"

#define CONNECT_US 2000000 /* longest time to connect */
#define RETRY_US   500000  /* pause after a failure before connecting again */
#define UNSENT_MAX 4194304 /* bytes; the connection is closed if more is queued */
#define PROBE_MS   100     /* time limit for the reply to a probe */
#define TICKET_MS  50      /* time limit for the reply about a ticket, for which a writer waits */
#define PROBE_US   1000000 /* how long the result is reused: many callers cost one probe */

struct bus {
    char host[108];
    int port;
    pthread_mutex_t lock;
    redisContext *redis; /* NULL: none; otherwise perhaps still connecting */
    bool open;
    int64_t since, retry_at;
    unsigned long failures;
    pthread_mutex_t probing;
    int64_t probed_at; /* 0: never */
    atomic_bool answers;
    struct tickets *tickets;
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

static void
drop(struct bus *b)
{
    if (b->redis != NULL)
        redisFree(b->redis);
    b->redis = NULL;
}

/* Closes the connection, and does not reconnect for a while. */
static void
give_up(struct bus *b, const char *why)
{
    log_warn("bus: Redis cannot be reached: %s",
             b->redis != NULL && b->redis->err != 0 ? b->redis->errstr : why);
    drop(b);
    b->retry_at = clock_steady() + RETRY_US;
}

static bool
is_open(const redisContext *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLOUT};

    return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}

static bool
connected(struct bus *b)
{
    int64_t now = clock_steady();

    if (b->redis == NULL && now < b->retry_at)
        return false;
    if (b->redis == NULL) {
        b->redis = b->port == 0 ? redisConnectUnixNonBlock(b->host)
                                : redisConnectNonBlock(b->host, b->port);
        b->open = false;
        b->since = now;
    }
    if (b->redis == NULL || b->redis->err != 0) {
        give_up(b, "no memory");
        return false;
    }
    b->open = b->open || is_open(b->redis);
    if (!b->open && now - b->since > CONNECT_US)
        give_up(b, "no answer");
    return b->open;
}

struct bus *
bus_open(const char *url)
{
    struct bus *b = must_alloc(1, sizeof(*b));

    if (bus_address(url, b->host, &b->port) != ERR_NONE) {
        log_error("bus: REDIS_URL must be redis://host:port or unix:///path");
        free(b);
        return NULL;
    }
    pthread_mutex_init(&b->lock, NULL);
    pthread_mutex_init(&b->probing, NULL);
    b->tickets = tickets_open(b->host, b->port, TICKET_MS);
    (void)connected(b); /* so that it is open before the first message */
    return b;
}

void
bus_close(struct bus *b)
{
    if (b == NULL)
        return;
    drop(b);
    tickets_close(b->tickets);
    pthread_mutex_destroy(&b->lock);
    pthread_mutex_destroy(&b->probing);
    free(b);
}

/* Sends as much of the queue as the socket accepts; false if the connection is lost. */
static bool
flush(struct bus *b)
{
    int done = 0;
    size_t unsent;

    do {
        unsent = sdslen(b->redis->obuf);
        if (redisBufferWrite(b->redis, &done) != REDIS_OK)
            return false;
    } while (!done && sdslen(b->redis->obuf) < unsent);
    return true;
}

/* Reads the replies that have arrived. */
static bool
take_answers(struct bus *b)
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
            log_warn("bus: Redis returned an error: %s", ((redisReply *)reply)->str);
        freeReplyObject(reply);
    }
}

static bool
publish(struct bus *b, const struct bus_message *messages, size_t count)
{
    size_t n = 0;

    if (!connected(b))
        return false;
    if (sdslen(b->redis->obuf) > UNSENT_MAX) {
        give_up(b, "it takes nothing more");
        return false;
    }
    while (n < count && redisAppendCommand(b->redis, "PUBLISH %s %b", messages[n].channel,
                                           messages[n].bytes, messages[n].len) == REDIS_OK)
        n++;
    if (n == count && flush(b) && take_answers(b))
        return true;
    log_warn("bus: lost the connection to Redis: %s", b->redis->errstr);
    drop(b);
    return false;
}

void
bus_publish_all(struct bus *b, const struct bus_message *messages, size_t count)
{
    pthread_mutex_lock(&b->lock);
    /* A connection that Redis closed while idle shows at the first write: try twice. */
    if (count > 0 && !publish(b, messages, count) && !publish(b, messages, count))
        b->failures += count;
    pthread_mutex_unlock(&b->lock);
}

void
bus_publish(struct bus *b, const char *channel, const char *message, size_t len)
{
    bus_publish_all(b, &(struct bus_message){channel, message, len}, 1);
}

/* Probes Redis over a separate connection, for at most twice PROBE_MS. */
static bool
probe(const struct bus *b)
{
    struct timeval limit = {.tv_usec = PROBE_MS * 1000};
    redisContext *c = b->port == 0 ? redisConnectUnixWithTimeout(b->host, limit)
                                   : redisConnectWithTimeout(b->host, b->port, limit);
    redisReply *reply = NULL;
    bool answers;

    if (c != NULL && c->err == 0 && redisSetTimeout(c, limit) == REDIS_OK)
        reply = redisCommand(c, "PING");
    answers = reply != NULL && reply->type != REDIS_REPLY_ERROR;
    freeReplyObject(reply);
    if (c != NULL)
        redisFree(c);
    return answers;
}

bool
bus_ping(struct bus *b)
{
    if (pthread_mutex_trylock(&b->probing) != 0)
        return b->answers; /* another thread is probing: the last result */
    if (b->probed_at == 0 || clock_steady() - b->probed_at > PROBE_US) {
        b->answers = probe(b);
        b->probed_at = clock_steady();
    }
    pthread_mutex_unlock(&b->probing);
    return b->answers;
}

struct tickets *
bus_tickets(struct bus *b)
{
    return b == NULL ? NULL : b->tickets;
}

unsigned long
bus_failures(const struct bus *b)
{
    return b->failures;
}
