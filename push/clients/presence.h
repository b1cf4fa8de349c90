/*
 * Who is present on a topic, across tabs and daemons.
 */
#ifndef PUSH_CLIENTS_PRESENCE_H
#define PUSH_CLIENTS_PRESENCE_H

#include <stdbool.h>

#include "push/base/wire.h"

struct config;
struct ev_loop;
struct follow;
struct session;
struct topic;

#define PRESENCE_STATE 16 /* bytes of a state, with its NUL */

void presence_open(struct ev_loop *loop, const struct config *config);

/*
 * op presence: joins with a state, or changes it; answers with the list of users.  The state
 * `offline` leaves, `hidden` sees the others without being listed.
 */
enum wire_error presence_op(struct session *s, const struct wire_in *in);

/* The user has chosen whether others may see it, which is newer than what hello read. */
void presence_shown(struct session *s, bool shown);

/* A follow is about to end: it leaves. */
void presence_ending(struct follow *f);

/* Somebody came, went or changed, on any daemon. */
void presence_changed(struct topic *t);

/* Once a second: refreshes the fields of this daemon and reads who is gone. */
void presence_tick(void);

/* The topic is about to be forgotten. */
void presence_forget(struct topic *t);

void presence_close(void);

#endif
