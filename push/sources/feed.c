/*
 * Two connections: `news` is subscribed and can do nothing else (deploy/DEPENDENCIES.md), `talk`
 * sends commands.  After a failure hiredis frees the context itself, so each callback first forgets
 * the pointer.
 */
#include "push/sources/feed.h"

#include <ev.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <hiredis/sds.h>
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-aliasing"
#pragma GCC diagnostic ignored "-Wshadow"
#include <hiredis/adapters/libev.h>
#pragma GCC diagnostic pop
#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"
#include "common/log.h"
#include "common/redis/bus.h"

#define RETRY_FIRST 0.05
#define RETRY_LAST  1.0
#define ANSWER_MAX  16384 /* strings in one answer */
#define BEAT        0.5   /* seconds between two checks that Redis is alive */

/* Unanswered checks after which the connection is dropped.  Counted, not timed: a pause of this
 * process is not Redis' fault. */
#define BEATS_MAX 4

#define OUT_MAX      4194304         /* unsent bytes; beyond that, commands fail */
#define BEAT_CHANNEL "tw-push:alive" /* subscribing to it again is a check */

struct connection {
    const char *name;
    redisAsyncContext *redis; /* NULL: not connected */
    bool up;                  /* it has answered */
    bool logged;              /* its loss has been logged */
    int beats;                /* since an unanswered check; 0: none is unanswered */
    ev_timer retry;
    double delay;
};

static struct {
    struct ev_loop *loop;
    char host[108];
    int port;
    const struct feed_calls *calls;
    struct connection news, talk;
    ev_timer beat;
    bool closing;
} feed = {.news = {.name = "news"}, .talk = {.name = "talk"}};

static void
retry_later(struct connection *l)
{
    if (feed.closing)
        return;
    l->delay = l->delay * 2 > RETRY_LAST ? RETRY_LAST : l->delay * 2;
    ev_timer_stop(feed.loop, &l->retry);
    ev_timer_set(&l->retry, l->delay, 0.);
    ev_timer_start(feed.loop, &l->retry);
}

/* The connection is gone: reports it and reconnects later, with a growing delay. */
static void
lost(struct connection *l, const char *why)
{
    bool was_up = l->up;

    l->redis = NULL;
    l->up = false;
    if (feed.closing)
        return;
    if (was_up || !l->logged)
        log_warn("feed: %s: Redis is unavailable: %s", l->name,
                 why == NULL ? "the connection was closed" : why);
    l->logged = true;
    retry_later(l);
    if (was_up && l == &feed.news)
        feed.calls->down();
}

static void
is_up(struct connection *l)
{
    if (l->logged)
        log_info("feed: %s: Redis is available again", l->name);
    l->up = true;
    l->logged = false;
    l->delay = RETRY_FIRST;
    if (l == &feed.news)
        feed.calls->up();
}

/* Redis has answered.  Only that makes a connection usable, as a hung server accepts them too. */
static void
on_alive(redisAsyncContext *c, void *answer, void *arg)
{
    struct connection *l = arg;

    if (answer == NULL || feed.closing || l->redis != c)
        return;
    l->beats = 0;
    if (!l->up)
        is_up(l);
}

static void
ask_alive(struct connection *l)
{
    l->beats = 1;
    if (l->up && l == &feed.news) /* the only command it may still send */
        redisAsyncCommand(l->redis, on_alive, l, "SUBSCRIBE " BEAT_CHANNEL);
    else
        redisAsyncCommand(l->redis, on_alive, l, "PING");
}

static void
on_connect(const redisAsyncContext *c, int status)
{
    struct connection *l = c->data;

    if (status != REDIS_OK)
        lost(l, c->errstr);
    else
        ask_alive(l);
}

static void
on_disconnect(const redisAsyncContext *c, int status)
{
    struct connection *l = c->data;

    if (l->redis == c)
        lost(l, status == REDIS_OK ? NULL : c->errstr);
}

/* Drops a connection on which nothing is answered. */
static void
give_up(struct connection *l)
{
    redisAsyncContext *c = l->redis;

    lost(l, "no answer");
    redisAsyncFree(c);
}

/* Checks both connections, and drops one that has not answered for too long. */
static void
on_beat(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct connection *both[] = {&feed.news, &feed.talk};

    (void)loop, (void)timer, (void)events;
    for (int i = 0; i < 2; i++) {
        struct connection *l = both[i];

        if (l->redis == NULL)
            continue;
        if (l->beats == 0)
            ask_alive(l);
        else if (++l->beats > BEATS_MAX)
            give_up(l);
    }
}

static void
start_connecting(struct connection *l)
{
    redisAsyncContext *c =
        feed.port == 0 ? redisAsyncConnectUnix(feed.host) : redisAsyncConnect(feed.host, feed.port);

    if (c == NULL)
        must_not_happen("feed: no memory for a connection");
    if (c->err != 0) {
        lost(l, c->errstr);
        redisAsyncFree(c);
        return;
    }
    c->data = l;
    l->redis = c;
    l->beats = 1; /* connecting counts as an unanswered check */
    if (feed.port != 0)
        redisEnableKeepAlive(&c->c);
    redisLibevAttach(feed.loop, c);
    redisAsyncSetConnectCallback(c, on_connect);
    redisAsyncSetDisconnectCallback(c, on_disconnect);
}

static void
on_retry(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)events;
    start_connecting(timer->data);
}

static void
open_connection(struct connection *l)
{
    l->delay = RETRY_FIRST;
    ev_timer_init(&l->retry, on_retry, 0., 0.);
    l->retry.data = l;
    start_connecting(l);
}

bool
feed_open(struct ev_loop *loop, const char *url, const struct feed_calls *calls)
{
    if (bus_address(url, feed.host, &feed.port) != ERR_NONE) {
        log_error("feed: REDIS_URL must be redis://host:port or unix:///path");
        return false;
    }
    feed.loop = loop;
    feed.calls = calls;
    open_connection(&feed.news);
    open_connection(&feed.talk);
    ev_timer_init(&feed.beat, on_beat, BEAT, BEAT);
    ev_timer_start(loop, &feed.beat);
    return true;
}

bool
feed_is_up(void)
{
    return feed.news.up;
}

/* A message, or the confirmation of a subscription. */
static void
on_news(redisAsyncContext *c, void *answer, void *arg)
{
    redisReply *r = answer;

    (void)c, (void)arg;
    if (r == NULL || r->type != REDIS_REPLY_ARRAY || r->elements != 3 ||
        r->element[1]->str == NULL || feed.closing)
        return;
    if (r->element[2]->type == REDIS_REPLY_STRING)
        feed.calls->message(r->element[1]->str, r->element[2]->str, r->element[2]->len);
    else if (strcmp(r->element[0]->str, "subscribe") == 0)
        feed.calls->subscribed(r->element[1]->str);
}

void
feed_subscribe(const char *channel)
{
    if (feed.news.up)
        redisAsyncCommand(feed.news.redis, on_news, NULL, "SUBSCRIBE %s", channel);
}

void
feed_unsubscribe(const char *channel)
{
    if (feed.news.up)
        redisAsyncCommand(feed.news.redis, NULL, NULL, "UNSUBSCRIBE %s", channel);
}

struct question {
    feed_answer answer;
    void *arg;
};

static void
flatten(const redisReply *r, const char **texts, size_t *count)
{
    if (*count == ANSWER_MAX)
        return;
    if (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS)
        texts[(*count)++] = r->str;
    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements; i++)
        flatten(r->element[i], texts, count);
}

/* The answer to a command (NULL: none will come); frees the question. */
static void
on_talk(redisAsyncContext *c, void *answer, void *arg)
{
    static const char *texts[ANSWER_MAX];
    struct question *q = arg;
    redisReply *r = answer;
    size_t count = 0;

    (void)c;
    if (r != NULL && r->type == REDIS_REPLY_ERROR)
        log_warn("feed: Redis refused a command: %s", r->str);
    else if (r != NULL)
        flatten(r, texts, &count);
    if (q == NULL)
        return;
    q->answer(q->arg, texts, count);
    free(q);
}

void
feed_command(const char *const *words, const size_t *lens, int count, feed_answer answer, void *arg)
{
    struct question *q = NULL;

    if (answer != NULL) {
        q = must_alloc(1, sizeof(*q));
        *q = (struct question){answer, arg};
    }
    if (!feed.talk.up || sdslen(feed.talk.redis->c.obuf) > OUT_MAX ||
        redisAsyncCommandArgv(feed.talk.redis, on_talk, q, count, (const char **)words, lens) !=
            REDIS_OK)
        on_talk(NULL, NULL, q);
}

void
feed_close(void)
{
    struct connection *both[] = {&feed.news, &feed.talk};

    feed.closing = true;
    ev_timer_stop(feed.loop, &feed.beat);
    for (int i = 0; i < 2; i++) {
        ev_timer_stop(feed.loop, &both[i]->retry);
        if (both[i]->redis != NULL)
            redisAsyncFree(both[i]->redis);
    }
}
