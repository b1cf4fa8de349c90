/*
 * What a browser may say: a row per op.
 */
#ifndef PUSH_OPS_H
#define PUSH_OPS_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct session;
struct topic;

/* Takes the limits. */
void ops_open(const struct config *config);

/* Fills up what a session may send in a burst. */
void ops_allow(struct session *s);

/* A user's sockets spend together; false: they have spent too much, and it must not be done. */
bool ops_spend(struct topic *user, int cost);

/* One whole message. */
void ops_message(struct session *s, const char *bytes, size_t len, bool binary);

#endif
