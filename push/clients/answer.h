/*
 * What a request to follow is answered, and when; then its events start.
 *
 * Each function may leave sessions closing.
 */
#ifndef PUSH_CLIENTS_ANSWER_H
#define PUSH_CLIENTS_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "push/clients/follow.h"

struct session;
struct topic;

#define ANSWER_FAR 10000 /* events behind; more than that is a resync */

/* op follow of one topic: the answer comes when topic, rights and log are known. */
void answer_ask(struct session *s, const char *name, const char *since, size_t len,
                const char *ref);

/* What the answer is by now; sets the request's next number or reason. */
enum outcome answer_outcome(struct follow *f);

/* Gives that answer and starts the events.  The follow may be gone when it returns. */
void answer_settle(struct follow *f, enum outcome outcome);

/* Answers if that is possible by now.  The follow may be gone when it returns. */
void answer_try(struct follow *f);

/* Tries everybody that waits on a topic and goes on with the replays.  Follows of the topic may be
 * gone when it returns. */
void answer_news(struct topic *t);

/* The log was read at steady us `asked_at`: requests made before that count as checked. */
void answer_checked(struct topic *t, int64_t asked_at);

/* Goes on with all replays of a session while it has room. */
void answer_resume(struct session *s);

/* The user has lost the right to the topic: sends `left`, and nothing after it.  The follow may be
 * gone when it returns. */
void answer_left(struct follow *f, const char *reason);

/* Answers those on a topic that have waited too long for the database. */
void answer_give_up(struct topic *t);

#endif
