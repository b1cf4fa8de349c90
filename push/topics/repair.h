/*
 * What is missing of a topic's events and must be read from the log: gaps in what arrived, and
 * older events for clients that come back.
 */
#ifndef PUSH_TOPICS_REPAIR_H
#define PUSH_TOPICS_REPAIR_H

#include <stdint.h>

#include "common/base/id.h"

struct ev_loop;
struct topic;

void repair_open(struct ev_loop *loop);

/* The topic's stream has a gap: reads what is missing unless it arrives within some ms. */
void repair_gap(struct topic *t);

/* The log has reached at least that number. */
void repair_announced(struct topic *t, int64_t seq);

/* A follow of that user lacks the event of that number; news() is reported when it was read. */
void repair_want(struct topic *t, int64_t seq, const unsigned char user[ID_BYTES]);

/* Once a second for each topic: frees older events that no follow needs any more. */
void repair_spare(struct topic *t);

/* The topic is about to be forgotten. */
void repair_forget(struct topic *t);

void repair_close(void);

#endif
