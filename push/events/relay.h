/*
 * From a message to an event in order: the next number is relayed, a lower one is known, a higher
 * one waits until the gap is closed (repair.h).
 */
#ifndef PUSH_EVENTS_RELAY_H
#define PUSH_EVENTS_RELAY_H

#include <stddef.h>

struct arrival;
struct topic;

/* A message from Redis, as the feed reports it. */
void relay_message(const char *channel, const char *message, size_t len);

/* One event, from Redis or the log, in whatever order. */
void relay_event(struct topic *t, const struct arrival *event);

#endif
