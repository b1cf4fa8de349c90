/*
 * Who is here, across tabs and daemons, and signals between those who are.
 */
#ifndef PUSH_PRESENCE_H
#define PUSH_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "push/wire.h"

struct follow;
struct session;

/* op presence: joins with a state, or changes it; answers with everybody. */
enum wire_error presence_op(struct session *s, const struct wire_in *in);

/* op signal: to the topic's other sockets, unstored. */
enum wire_error presence_signal_op(struct session *s, const struct wire_in *in);

/* A session has left a topic. */
void presence_gone(struct follow *f);

/* A message from Redis; false when it is not for us. */
bool presence_message(const char *channel, const char *message, size_t len);

/* Redis has come back. */
void presence_up(void);

#endif
