/*
 * Which topics there are and who follows them.  Pure data, no I/O.
 */
#ifndef PUSH_TOPICS_HUB_H
#define PUSH_TOPICS_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/id.h"
#include "common/change/event.h"
#include "push/base/bucket.h"
#include "push/base/fair.h"
#include "push/base/rights.h"
#include "push/base/stream.h"
#include "push/base/table.h"

struct arrival;
struct presence_topic;
struct follow_request;
struct job;
struct projects;
struct session;
struct topic;

enum topic_kind { TOPIC_PROJECT, TOPIC_USER, TOPIC_EVERYONE };

/* Only a READY topic has numbers and rights. */
enum topic_state {
    TOPIC_SUBSCRIBING, /* Redis has not confirmed the subscription yet */
    TOPIC_LOADING,     /* its number and rights are being read, after the subscription */
    TOPIC_READY,
};

/* The state of a follow; each state has its own list in the topic. */
enum follow_state {
    FOLLOW_QUIET,   /* gets no events: the session's own user, watched for revocations */
    FOLLOW_WAITING, /* its request has not been answered yet */
    FOLLOW_CATCHUP, /* gets missed events from `next` on, as fast as the socket takes them */
    FOLLOW_LIVE,    /* gets each event as it arrives */
    FOLLOW_STATE__COUNT
};

/* Why a session follows a topic. */
#define REASON_OWN   1u /* it is the topic of its own user: revocations and memberships */
#define REASON_NAMED 2u /* it asked for the topic by name */
#define REASON_ALL   4u /* it follows `all` */

/* One session on one topic.  An idle socket has two of them, so they are kept to 72 bytes. */
struct follow {
    struct session *session;
    struct topic *topic;
    struct follow *after, **link; /* the session's next follow, and what points to this one */
    struct table_item in_table;   /* of all follows */
    union {
        struct follow_request *request; /* while WAITING: the answer it is owed, maybe NULL */
        int64_t next;                   /* while CATCHUP: the number it gets next */
    };
    int64_t from;   /* it has had every event from this number on; 0: none yet */
    char *presence; /* the state it announced; NULL: it has not joined */
    uint32_t index; /* in its list */
    uint8_t state, reasons;
};

/* The follows of a topic that are in one state. */
struct follows {
    struct follow **at;
    uint32_t count, size;
};

/* A user with one socket has a topic for it, so the parts of projects and users share memory. */
struct topic {
    struct table_item in_table; /* of all topics */
    char name[EVENT_TOPIC];
    unsigned char id[ID_BYTES];
    uint8_t kind, state;
    uint8_t tries;        /* repairs in a row that found nothing */
    bool missing : 1;     /* the database has no such project */
    bool repairing : 1;   /* a reader is fetching what the stream lacks */
    bool queued : 1;      /* to be loaded */
    bool unconfirmed : 1; /* loaded although Redis has not confirmed the subscription */
    bool gapped : 1;      /* in the list of topics that wait for a repair */
    bool dirty : 1;       /* in the list of topics with events to hand out */
    bool paging : 1;      /* a reader is fetching older events for CATCHUP */
    bool narrow : 1;      /* events are large: a page must begin exactly where it is wanted */
    uint32_t generation;  /* changes when numbers start again: earlier answers are void */
    uint32_t verify;      /* the last comparison that includes it */
    unsigned char asker[ID_BYTES]; /* user for whom it is loaded or paged */
    int64_t flushed;               /* newest number handed to LIVE follows */
    int64_t loaded_at;             /* steady us, when the reading of number and rights began */
    int64_t idle_at;               /* steady us, since when nobody has followed it */
    int64_t want;                  /* oldest number that some CATCHUP follow lacks; 0: none */
    int64_t trimmed;       /* numbers below it are no longer in the log, as far as we know */
    struct job *page;      /* the reading of older events, while paging */
    struct stream *window; /* older events than the ring holds, while some follow needs them */
    struct stream stream;
    struct follows follows[FOLLOW_STATE__COUNT];
    struct {
        struct bucket signals, bytes; /* signals sent on it; their bytes as they leave here */
    } limits;
    union {
        struct { /* of a project */
            struct rights rights;
            struct fair_item load;           /* its place in the queue of topics to be loaded */
            struct presence_topic *presence; /* NULL: nobody has joined */
        };
        struct { /* of a user, for all sockets of that user */
            struct bucket spent, signals;
            int64_t listed_at;        /* steady us of the last reading of its projects */
            struct projects *listing; /* the reading under way */
            struct projects *list;    /* the last one, which may still hold */
            bool wants_list;          /* sessions wait for one */
        } user;
    };
};

/*
 * What happens to topics, reported upwards by the modules that read the database.  A follow may be
 * gone and a session closing when one of these returns.
 */
struct topic_calls {
    /* hub_want() was asked for the topic on behalf of a user; fresh: it did not exist before. */
    void (*wanted)(struct topic *t, const unsigned char user[ID_BYTES], bool fresh);
    /* Its number and rights have been read: it is READY. */
    void (*ready)(struct topic *t);
    /* An event was read from the log, in whatever order. */
    void (*event)(struct topic *t, const struct arrival *event);
    /* More is known of its numbers: what waits for them may go on. */
    void (*news)(struct topic *t);
    /* The log has no number beyond those known, as of steady us `asked_at`. */
    void (*checked)(struct topic *t, int64_t asked_at);
    /* Its numbers are void: everybody must refetch, for that reason. */
    void (*restart)(struct topic *t, const char *reason);
    /* This is the database's epoch. */
    void (*epoch)(const char *epoch);
};
extern const struct topic_calls *topic_calls;

/* Where the reports go; before anything is read. */
void hub_open(const struct topic_calls *calls);

/* The database's epoch; empty until it is known. */
const char *hub_epoch(void);

/* Keeps the epoch that was read; true: it replaces a different one, which voids all cursors. */
bool hub_set_epoch(const char *epoch);

/* The topic of that name; NULL when there is none here. */
struct topic *hub_find(const char *name, size_t len);

/* The same, created when there is none; *fresh tells. */
struct topic *hub_topic(const char *name, bool *fresh);

/* The same, for a user who needs it: it is subscribed to and loaded. */
struct topic *hub_want(const char *name, const unsigned char user[ID_BYTES]);

/* A number that no topic had as its generation before. */
uint32_t hub_generation(void);

/* Forgets a topic that nobody follows. */
void hub_forget(struct topic *topic);

/* The number of topics. */
uint32_t hub_count(void);

/* Walks all topics: start with *bucket 0 and NULL; NULL at the end. */
struct topic *hub_next(uint32_t *bucket, struct topic *after);

/* Puts a session on a topic; the caller links the follow to the session. */
struct follow *hub_follow(struct topic *topic, struct session *session, enum follow_state state);

/* Moves a follow to the list of another state. */
void hub_move(struct follow *follow, enum follow_state state);

/* Takes a follow off its topic and frees it; the caller has unlinked it from its session and
 * dropped its request. */
void hub_unfollow(struct follow *follow);

/* The number of follows, in all states. */
uint32_t hub_follows(const struct topic *topic);

/* A session's follow of the topic; NULL: none. */
struct follow *hub_find_follow(const struct topic *topic, const struct session *session);

/* May that user see the topic, as of its head? */
bool hub_may(const struct topic *topic, const unsigned char user[ID_BYTES]);

/* Frees everything; nobody may follow any more. */
void hub_close(void);

#endif
