/*
 * What a browser may say: a row per op.
 */
#ifndef PUSH_CLIENTS_OPS_H
#define PUSH_CLIENTS_OPS_H

#include <stdbool.h>
#include <stddef.h>

struct session;

/* Handles one whole message.  The session may be closing when it returns. */
void ops_message(struct session *s, const char *bytes, size_t len, bool binary);

#endif
