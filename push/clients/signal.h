/*
 * Signals (typing, editing): from one browser to the others on a topic, not stored.
 */
#ifndef PUSH_CLIENTS_SIGNAL_H
#define PUSH_CLIENTS_SIGNAL_H

#include "push/base/wire.h"

struct peer_message;
struct session;
struct topic;

/* op signal: publishes it to the topic's other sockets. */
enum wire_error signal_op(struct session *s, const struct wire_in *in);

/* A signal came from a daemon, maybe this one: hands it to the topic's sockets here. */
void signal_deliver(struct topic *t, const struct peer_message *message);

#endif
