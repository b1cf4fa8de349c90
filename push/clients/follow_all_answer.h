/*
 * What a browser is sent that asked to follow `all`: the common answer, then each topic's own, then
 * the topics of its cursor that it may no longer see.
 */
#ifndef PUSH_CLIENTS_FOLLOW_ALL_ANSWER_H
#define PUSH_CLIENTS_FOLLOW_ALL_ANSWER_H

#include <stdint.h>

struct follow_all;

/* Sends the common answer. */
void follow_all_answer_send(struct follow_all *a);

/*
 * Gives each topic's own answer: a resync for those that need it, then the events.  A topic whose
 * outcome is open again (it is being loaded again) answers by itself later.  Goes on from a->next,
 * and reduces *budget by 1 for each topic.
 */
void follow_all_answer_settle(struct follow_all *a, uint32_t *budget);

/*
 * Sends `left` for topics of the cursor that the user no longer follows.  Goes on from a->at, and
 * reduces *budget by 1 for each topic.
 */
void follow_all_answer_leave(struct follow_all *a, uint32_t *budget);

#endif
