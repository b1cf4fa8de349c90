/*
 * What daemons tell each other on a topic's channel beside events: signals of
 * browsers, and that somebody came or went.
 */
#ifndef PUSH_SIGNAL_H
#define PUSH_SIGNAL_H

#include <stddef.h>

#include "push/wire.h"

struct session;
struct topic;

/* No event's message begins with it. */
#define SIGNAL_MARK '~'

/* This daemon's name among the others: random, new with each start. */
const char *signal_daemon(void);

/* Publishes `~<what> <from>\n<text>` on the topic's channel. */
void signal_publish(struct topic *t, const char *what, const char *text, unsigned from);

/* A message that begins with SIGNAL_MARK. */
void signal_take(struct topic *t, const char *message, size_t len);

/* op signal: to the topic's other sockets, not stored. */
enum wire_error signal_op(struct session *s, const struct wire_in *in);

#endif
