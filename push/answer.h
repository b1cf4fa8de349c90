/*
 * What a follow is answered, and when.
 */
#ifndef PUSH_ANSWER_H
#define PUSH_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "push/follow.h"
#include "push/wire.h"

struct all;
struct session;
struct text;

#define ANSWER_FAR 10000 /* events behind; more is a resync */

/* How an ask ends. */
enum outcome {
    OUTCOME_OPEN,      /* cannot be said yet */
    OUTCOME_FOLLOW,    /* events from `next` on */
    OUTCOME_RESYNC,    /* events from now on; the reason says why not earlier */
    OUTCOME_NOT_FOUND, /* no such topic, or no right to it */
};

/* An answer that is owed. */
struct ask {
    char ref[WIRE_REF];
    bool asked;         /* by the browser, which waits for an answer */
    bool held;          /* it had events until now, and must start anew */
    bool since_given;   /* `since` holds */
    bool checked;       /* the database was asked how far the log is */
    bool quiet;         /* without an answer of its own unless it is a resync */
    uint8_t outcome;    /* of those in a group, once it is known */
    uint32_t beginning; /* the question where the right began that it waits for; 0: none */
    int64_t since;
    int64_t not_before; /* the number that must have been relayed first */
    int64_t at;         /* steady us */
    const char *reason; /* of a resync; set from the start when the cursor was no good */
    struct all *group;  /* answers when all of it can be; NULL: alone */
};

/* A cursor behind that number of the topic. */
void answer_cursor(const struct topic *topic, int64_t seq, struct text *out);

/* op follow: asks, or asks anew; the answer comes when topic, rights and log are
 * known.  The session may be closing when it returns. */
void answer_ask(struct session *s, const char *name, const char *since, size_t len,
                const char *ref);

/* Sets an ask's since from a cursor, or the reason why it is no good. */
void answer_since(struct ask *ask, const struct topic *t, const char *cursor, size_t len);

/* Answers if it can.  The follow may be gone when it returns, and the session closing. */
void answer_try(struct follow *f);

/* What the answer is; sets f->next or the ask's reason. */
enum outcome answer_judge(struct follow *f);

/* Gives the answer and starts the events.  The follow may be gone when it returns, and the session
 * closing. */
void answer_settle(struct follow *f, enum outcome outcome);

/* Answers those on a topic that have waited too long for the database; their sessions may be
 * closing when it returns. */
void answer_give_up(struct topic *t);

#endif
