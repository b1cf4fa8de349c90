/*
 * What a browser may say: a row per op.
 */
#ifndef PUSH_OPS_H
#define PUSH_OPS_H

#include <stdbool.h>
#include <stddef.h>

struct session;

/* Fills up what a session may send in a burst. */
void ops_allow(struct session *s);

/* One whole message. */
void ops_message(struct session *s, const char *bytes, size_t len, bool binary);

#endif
