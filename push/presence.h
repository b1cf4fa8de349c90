/*
 * Who is here, across tabs and daemons.
 */
#ifndef PUSH_PRESENCE_H
#define PUSH_PRESENCE_H

#include <stdbool.h>

#include "push/wire.h"

struct config;
struct ev_loop;
struct follow;
struct session;
struct topic;

#define PRESENCE_STATE 16 /* bytes of a state, with its NUL */

void presence_open(struct ev_loop *loop, const struct config *config);

/*
 * op presence: joins with a state, or changes it; answers with everybody.  The
 * state `offline` leaves, `hidden` sees the others unseen.
 */
enum wire_error presence_op(struct session *s, const struct wire_in *in);

/* Its user has chosen whether others may see it; newer than what hello read. */
void presence_shown(struct session *s, bool shown);

/* A session has left a topic. */
void presence_gone(struct follow *f);

/* Somebody came, went or changed, on whichever daemon. */
void presence_nudged(struct topic *t);

/* Once a second: says that ours are still here, looks who is not. */
void presence_tick(void);

/* The topic is about to be forgotten. */
void presence_forget(struct topic *t);

void presence_close(void);

#endif
