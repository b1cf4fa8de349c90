/*
 * What the relay must fetch from the log: a new topic's number and rights,
 * gaps, older events for those who come back, and what Redis never told.
 */
#ifndef PUSH_REPAIR_H
#define PUSH_REPAIR_H

#include <stdint.h>

struct ev_loop;
struct topic;

void repair_open(struct ev_loop *loop);

/* Reads number and rights; the topic is READY after it.  Users take turns, by t->asker. */
void repair_load(struct topic *t);

/* A topic that waits to be loaded is wanted by that user too. */
void repair_load_for(struct topic *t, const unsigned char user[12]);

/* Its stream has a gap: reads what is missing, unless it arrives in some ms. */
void repair_gap(struct topic *t);

/* The log is at that number, at least. */
void repair_heard(struct topic *t, int64_t seq);

/* That user, on it, lacks the event of that number. */
void repair_want(struct topic *t, int64_t seq, const unsigned char user[12]);

/* Asks whether the log is further than we know. */
void repair_verify(struct topic *t);

/* Redis has just come back: compares all numbers in a moment. */
void repair_look_soon(void);

/* Once a second: what was committed lately, and now and then all numbers. */
void repair_tick(void);

/* Once a second for each topic: lets older events go that nobody needs any more. */
void repair_spare(struct topic *t);

/* The topic is about to be forgotten. */
void repair_forget(struct topic *t);

void repair_close(void);

#endif
