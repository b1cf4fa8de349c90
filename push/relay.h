/*
 * From an event to its sockets: order, what it does to rights, and handing it
 * out.  What must be read from the log is repair.h's.
 */
#ifndef PUSH_RELAY_H
#define PUSH_RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "push/hub.h"

struct ev_loop;

void relay_open(struct ev_loop *loop);

/* A message of Redis, as the feed gets it. */
void relay_message(const char *channel, const char *message, size_t len);

/* One event, from Redis or the log, in whatever order. */
void relay_take(struct topic *t, const struct happening *event);

/* Hands out what LIVE follows have not had yet. */
void relay_flush(struct topic *t);

void relay_close(void);

#endif
