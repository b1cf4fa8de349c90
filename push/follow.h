/*
 * One session on one topic: the answer to a follow, the replay, the live end,
 * and being sent away.
 */
#ifndef PUSH_FOLLOW_H
#define PUSH_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/event.h"
#include "push/hub.h"
#include "push/wire.h"

struct all;
struct session;

#define FOLLOW_FAR 10000 /* events behind; more is a resync */

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
    bool since_given;   /* `since` holds */
    bool checked;       /* the database was asked about a since beyond our head */
    bool quiet;         /* without an answer of its own unless it is a resync */
    bool beginning;     /* waits for the reader to find where the right began */
    uint8_t outcome;    /* of those in a group, once it is known */
    int64_t since;
    int64_t not_before; /* the number that must have been relayed first */
    int64_t at;         /* steady us */
    const char *reason; /* of a resync; set from the start when the cursor was no good */
    struct all *group;  /* answers when all of it can be; NULL: alone */
};

/* The topic's name from a browser's, e.g. user:me; false when it is none to follow. */
bool follow_name(const struct session *s, const char *topic, char out[EVENT_TOPIC]);

/* And back. */
const char *follow_shown(const struct topic *topic);

/* A cursor behind that number of the topic. */
void follow_cursor(const struct topic *topic, int64_t seq, struct text *out);

/* The session's follow of that topic; NULL: none. */
struct follow *follow_find(const struct session *s, const char *name);

/* Puts the session on a topic that it is not on. */
struct follow *follow_begin(struct session *s, struct topic *t, enum place place, unsigned why);

/* op follow: asks, or asks anew; the answer comes when topic, rights and log are known. */
void follow_ask(struct session *s, const char *name, const char *since, size_t len,
                const char *ref);

/* Gives a follow an ask and makes it wait; an older ask is answered `replaced`. */
struct ask *follow_wait(struct follow *f, unsigned why);

/* Sets an ask's since from a cursor, or the reason why it is no good. */
void follow_since(struct ask *ask, const struct topic *t, const char *cursor, size_t len);

/* Answers if it can. */
void follow_try(struct follow *f);

/* What the answer is; sets f->next or the ask's reason. */
enum outcome follow_judge(struct follow *f);

/* Gives the answer and starts the events. */
void follow_settle(struct follow *f, enum outcome outcome);

/* Tries all that wait on a topic, and goes on with those that catch up. */
void follow_news(struct topic *t);

/* Everybody on the topic must refetch: their asks say why. */
void follow_resync_all(struct topic *t, const char *reason);

/* The user has lost the right: says `left`, then nothing more. */
void follow_left(struct follow *f, const char *reason);

/* A reason to follow less; without any it ends.  NULL is fine. */
void follow_no_more(struct follow *f, unsigned why);

/* Ends it without a word. */
void follow_end(struct follow *f);

/* Goes on with every replay of a session that has room. */
void follow_pump_all(struct session *s);

#endif
