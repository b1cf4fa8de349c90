/*
 * The replay of missed events to one follow, until it is live.
 */
#ifndef PUSH_CLIENTS_REPLAY_H
#define PUSH_CLIENTS_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

struct follow;
struct frame;
struct topic;

/* The event of that number, from the ring or the window; NULL: neither holds it. */
struct frame *replay_event(const struct topic *t, int64_t seq);

/*
 * Starts the events from a number on, or goes on with them while the session has room.  false: the
 * log no longer holds the next one, so the follow is held and its request wants an answer
 * (answer_try).  The session may be closing when they return.
 */
bool replay_start(struct follow *f, int64_t next);
bool replay_continue(struct follow *f);

#endif
