/*
 * Redis: the subscription through which events arrive, and a second connection for presence and
 * signals.  It never blocks, and it reconnects by itself, even if Redis hangs with the connection
 * open.
 */
#ifndef PUSH_SOURCES_FEED_H
#define PUSH_SOURCES_FEED_H

#include <stdbool.h>
#include <stddef.h>

struct ev_loop;

/* What the feed reports. */
struct feed_calls {
    void (*up)(void);   /* connected, with no subscriptions: subscribe again */
    void (*down)(void); /* the connection is lost */
    void (*subscribed)(const char *channel);
    void (*message)(const char *channel, const char *message, size_t len);
};

/* Starts to connect; false: REDIS_URL is malformed. */
bool feed_open(struct ev_loop *loop, const char *url, const struct feed_calls *calls);

/* Is the connection of the subscription up? */
bool feed_is_up(void);

/* Without a connection they do nothing: up() will come. */
void feed_subscribe(const char *channel);
void feed_unsubscribe(const char *channel);

/* The answer to a command: its strings in order, arrays flattened. */
typedef void (*feed_answer)(void *arg, const char *const *texts, size_t count);

/*
 * Sends a command; answer (may be NULL) is called once, with count 0 if it failed.  If Redis is
 * away or accepts no more, it is called before feed_command() returns.
 */
void feed_command(const char *const *words, const size_t *lens, int count, feed_answer answer,
                  void *arg);

void feed_close(void);

#endif
