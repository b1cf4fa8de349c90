/*
 * One session on one topic: its beginning, its request, its end.  Replays are in replay.h, answers
 * in answer.h.
 *
 * Whatever sends may leave the session closing (session.h); its follows stay valid then.  A follow
 * is freed only by follow_drop_reasons(), follow_end(), follow_end_some(), answer_try() and
 * answer_left(), and only the one they are called for.
 */
#ifndef PUSH_CLIENTS_FOLLOW_H
#define PUSH_CLIENTS_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/change/event.h"
#include "push/base/wire.h"
#include "push/topics/hub.h"

struct session;

/* How a request to follow is answered. */
enum outcome {
    OUTCOME_OPEN,      /* not known yet */
    OUTCOME_FOLLOW,    /* events from `next` on */
    OUTCOME_RESYNC,    /* events from now on; the reason says why not earlier */
    OUTCOME_NOT_FOUND, /* no such topic, or no right to it */
};

/* Requests that are answered together; part of a larger struct. */
struct follow_group {
    uint32_t waiting;                             /* requests whose outcome is not known yet */
    void (*complete)(struct follow_group *group); /* called when that becomes 0 */
};

/* A request that has not been answered. */
struct follow_request {
    char ref[WIRE_REF];
    bool asked;         /* by the browser, which waits for an answer */
    bool held;          /* it had events until now, and must start again */
    bool since_given;   /* `since` is valid */
    bool checked;       /* the database was asked how far the log is */
    bool quiet;         /* not answered unless the answer is a resync */
    uint8_t outcome;    /* enum outcome, of a request in a group */
    uint32_t beginning; /* the query for the beginning of the right it waits for; 0: none */
    int64_t since;
    int64_t next;       /* the number that its events begin with, once the outcome is known */
    int64_t not_before; /* the number that must have been relayed first */
    int64_t at;         /* steady us, when it was made */
    const char *reason; /* of a resync; set from the start when the cursor is invalid */
    struct follow_group *group; /* NULL: it is answered by itself */
};

/* The request of a follow that waits for its answer; NULL: it has none. */
static inline struct follow_request *
follow_request(const struct follow *f)
{
    return f->state == FOLLOW_WAITING ? f->request : NULL;
}

/* The request of a follow, if it is answered together with those of that group; else NULL. */
static inline struct follow_request *
follow_grouped(const struct follow *f, const struct follow_group *group)
{
    struct follow_request *request = follow_request(f);

    return request != NULL && request->group == group ? request : NULL;
}

/* What a follow reports. */
struct follow_calls {
    /* It is about to end; it is still valid. */
    void (*ending)(struct follow *f);
};

void follow_open(const struct follow_calls *calls);

/*
 * Translates a browser's name of a topic, e.g. user:me; false: it is no topic to follow.  For the
 * reader of a share link there is only the link's project.
 */
bool follow_name(const struct session *s, const char *topic, char out[EVENT_TOPIC]);

/* May the session see the topic, as of its head? */
bool follow_may(const struct topic *topic, const struct session *s);

/* The name that a browser knows a topic by. */
const char *follow_topic_shown(const struct topic *topic);

/* The session's follow of that topic; NULL: none. */
struct follow *follow_find(const struct session *s, const char *name);

/* Puts the session on a topic that it does not follow. */
struct follow *follow_begin(struct session *s, struct topic *t, enum follow_state state,
                            unsigned reasons);

/* Gives a follow a new request and makes it wait; an older request is answered `replaced`. */
struct follow_request *follow_wait(struct follow *f, unsigned reasons);

/* Moves it to another state. */
void follow_move(struct follow *f, enum follow_state state);

/* Stops its events until its request is answered with a resync for that reason. */
void follow_hold(struct follow *f, const char *reason);

/* Everybody on the topic must refetch for that reason. */
void follow_resync_all(struct topic *t, const char *reason);

/* Everybody on the topic waits, and later goes on at the same place without being told. */
void follow_hold_all(struct topic *t);

/* One request of the group has got its outcome, or has been dropped. */
void follow_group_less(struct follow_group *group);

/* Takes reasons away; without any left the follow ends and is freed.  NULL is fine. */
void follow_drop_reasons(struct follow *f, unsigned reasons);

/* Ends and frees it without telling the browser. */
void follow_end(struct follow *f);

/* Ends up to *budget follows of a session, and reduces *budget; true: it has none left. */
bool follow_end_some(struct session *s, uint32_t *budget);

#endif
