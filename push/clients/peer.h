/*
 * What push daemons tell each other on a topic's Redis channel besides events: signals of browsers,
 * and that somebody's presence changed.
 */
#ifndef PUSH_CLIENTS_PEER_H
#define PUSH_CLIENTS_PEER_H

#include <stdbool.h>
#include <stddef.h>

struct session;
struct topic;

/* A peer message begins with this; no event does. */
#define PEER_MARK '~'

enum peer_kind {
    PEER_PRESENCE = 'p', /* somebody came, went or changed: read who is here again */
    PEER_SIGNAL = 's',   /* the text is a signal for the topic's sockets */
};

/* A message as it was read; its parts point into it. */
struct peer_message {
    enum peer_kind kind;
    const char *sender, *text; /* the sending socket's name; what it says */
    size_t sender_len, text_len;
};

/* Writes the name of a socket, unique among all daemons: `<daemon>.<socket>`. */
#define PEER_NAME 40
void peer_name(const struct session *s, char out[PEER_NAME]);

/* Publishes a message from that session on the topic's channel; text may be NULL. */
void peer_publish(struct topic *t, enum peer_kind kind, const char *text, const struct session *s);

/* Reads a message that begins with PEER_MARK; false: it is malformed. */
bool peer_read(const char *message, size_t len, struct peer_message *out);

/* Did that session send it? */
bool peer_is_sender(const struct peer_message *message, const struct session *s);

#endif
