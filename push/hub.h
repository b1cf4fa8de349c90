/*
 * Which topics there are and who follows them.  Pure data, no I/O.
 */
#ifndef PUSH_HUB_H
#define PUSH_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/event.h"
#include "push/bucket.h"
#include "push/fair.h"
#include "push/rights.h"
#include "push/stream.h"

struct ask;
struct crowd;
struct job;
struct projects;
struct session;

enum topic_kind { TOPIC_PROJECT, TOPIC_USER, TOPIC_EVERYONE };

/* A topic's life; only a READY one has numbers and rights. */
enum topic_state {
    TOPIC_SUBSCRIBING, /* Redis has not confirmed yet */
    TOPIC_LOADING,     /* number and rights are being read, after the subscription */
    TOPIC_READY,
};

/* Where a follow stands in its topic; the value names the list it is on. */
enum place {
    PLACE_QUIET,   /* gets no events: the session's own user, watched for revocations */
    PLACE_WAITING, /* its ask is not answered yet */
    PLACE_CATCHUP, /* gets missed events from `next` on, as fast as it takes them */
    PLACE_LIVE,    /* gets each event as it comes */
    PLACE__COUNT
};

/* Why a session follows a topic. */
#define FOLLOW_OWN   1u /* its own user's topic, for revocations and memberships */
#define FOLLOW_ASKED 2u /* by name */
#define FOLLOW_ALL   4u /* through `all` */

/* One session on one topic. */
struct follow {
    struct session *session;
    struct topic *topic;
    struct follow *after, **link; /* the session's next one, and what points to this one */
    struct follow *in_bucket;     /* of the table of follows */
    struct ask *ask;              /* the answer that is owed, while WAITING */
    int64_t next;                 /* number it gets next, while CATCHUP */
    int64_t from;   /* its events came without a gap from this number on; 0: none yet */
    uint32_t index; /* in its list */
    uint8_t place, why;
    char state[16]; /* of presence; empty: has not joined */
};

struct follows {
    struct follow **at;
    uint32_t count, size;
};

struct topic {
    struct topic *after; /* in its bucket */
    char name[EVENT_TOPIC];
    unsigned char id[12];
    uint8_t kind, state;
    bool missing;          /* the database knows no such project */
    bool repairing;        /* a reader is fetching what the stream lacks */
    bool queued;           /* to be loaded */
    bool unconfirmed;      /* loaded although Redis has not confirmed the subscription */
    bool gapped;           /* on the list of those that wait for a repair */
    bool dirty;            /* on the list of those with events to hand out */
    bool paging;           /* a reader is fetching older events for CATCHUP */
    bool narrow;           /* events are large: pages must begin where they are wanted */
    uint8_t tries;         /* repairs in a row that found nothing */
    uint32_t turn;         /* goes up whenever numbers start anew: an answer from before is void */
    int64_t flushed;       /* newest number handed to LIVE follows */
    int64_t repair_at;     /* steady us, when gapped */
    int64_t loaded_at;     /* steady us, when the reading of number and rights began */
    int64_t idle_at;       /* steady us, when nobody follows it */
    int64_t want;          /* oldest number that some CATCHUP follow lacks; 0: none */
    struct job *page;      /* that read, while paging */
    uint32_t verify;       /* the question about numbers that names it already */
    struct fair_item load; /* where it waits to be loaded, of a project */
    unsigned char asker[12]; /* user for whom it is loaded or paged */
    struct {
        struct bucket signals, bytes; /* that were sent on it, and that went out here */
    } limits;
    struct { /* of a user's topic, for all its sockets */
        struct bucket spent, signals;
        int64_t listed_at;        /* steady us of the last reading of its projects */
        struct projects *listing; /* the reading under way */
        struct projects *list;    /* the last one, which may still hold */
        bool wants_list;          /* sessions wait for one */
    } user;
    int64_t trimmed; /* numbers below are gone from the log, as far as we saw */
    struct stream stream;
    struct rights rights;
    struct crowd *crowd;   /* of presence; NULL: nobody has joined */
    struct stream *window; /* older events than the ring holds, while some need them */
    struct follows places[PLACE__COUNT];
};

/* The topic of that name; NULL when there is none here. */
struct topic *hub_find(const char *name, size_t len);

/* The same, made when there is none; *fresh tells. */
struct topic *hub_topic(const char *name, bool *fresh);

/* A number no topic had as its turn before. */
uint32_t hub_turn(void);

/* Forgets a topic that nobody follows. */
void hub_forget(struct topic *topic);

/* Number of topics; all of them, one by one (at starts as 0, NULL at the end). */
uint32_t hub_count(void);
struct topic *hub_next(uint32_t *bucket, struct topic *after);

/* Puts a session on a topic; the caller chains it to the session. */
struct follow *hub_follow(struct topic *topic, struct session *session, enum place place);

/* Moves a follow to another list of its topic. */
void hub_place(struct follow *follow, enum place place);

/* Takes a follow off its topic and frees it; the caller has unchained it and dropped its ask. */
void hub_unfollow(struct follow *follow);

/* How many follow it, in whatever place. */
uint32_t hub_follows(const struct topic *topic);

/* A session's follow of it; NULL: none. */
struct follow *hub_find_follow(const struct topic *topic, const struct session *session);

/* May that user see the topic, as of its head? */
bool hub_may(const struct topic *topic, const unsigned char user[12]);

/* Frees everything; nobody may follow any more. */
void hub_close(void);

#endif
