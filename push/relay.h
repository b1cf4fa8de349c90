/*
 * From an event to its sockets: order, what it does to rights, and handing it
 * out.  What must be read from the log is repair.h's.
 */
#ifndef PUSH_RELAY_H
#define PUSH_RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "push/feed.h"
#include "push/hub.h"

struct ev_loop;

/* Starts; the feed tells relay_calls. */
void relay_open(struct ev_loop *loop);
extern const struct feed_calls relay_calls;

/* The topic of that name, subscribed and loaded when it is new. */
struct topic *relay_topic(const char *name);

/* The database's epoch; empty until it is known. */
const char *relay_epoch(void);

/* Takes the epoch that was read; another one than before voids all cursors. */
void relay_set_epoch(const char *epoch);

/* One event, from Redis or the log, in whatever order. */
void relay_take(struct topic *t, const struct happening *event);

/* Hands out what LIVE follows have not had yet. */
void relay_flush(struct topic *t);

/* Starts the numbers of a topic anew: loads it, and everybody on it refetches. */
void relay_restart(struct topic *t, const char *reason);

/* Forgets topics that nobody has followed for a while. */
void relay_tick(void);

void relay_close(void);

#endif
