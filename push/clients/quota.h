/*
 * What a socket, and all sockets of a user together, may ask for.
 */
#ifndef PUSH_CLIENTS_QUOTA_H
#define PUSH_CLIENTS_QUOTA_H

#include <stdbool.h>

struct config;
struct session;
struct topic;

/* Takes the limits. */
void quota_open(const struct config *config);

/* A new socket may send a full burst. */
void quota_opened(struct session *s);

/* Takes from what the socket may send; false: that is used up, and the session is closing. */
bool quota_take(struct session *s, int cost);

/* Takes from what all sockets of the user may ask for; false: refuse what was asked. */
bool quota_take_user(struct topic *user, int cost);

#endif
