/*
 * Requests whose reply may be long (routes with the flag COSTLY): each occupies a thread for
 * seconds, and for as long as a slow client takes to read.  So a user may run only some of them at
 * once in a process, and all users together only so many that threads are left for other requests.
 *
 * Of these, only a few read from the database at the same time, so that it answers other requests
 * quickly.  They take turns: each has one while it reads, and gives it up while it waits for its
 * client.
 */
#ifndef API_SERVER_COSTLY_H
#define API_SERVER_COSTLY_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct request;

/* A costly request in progress.  Belongs to the caller, from costly_enter() to costly_leave(). */
struct costly {
    bson_oid_t user;
    int64_t asked; /* when it asked for its turn, in order; 0: it does not wait for one */
    bool reads;    /* it has a turn */
    struct costly *next;
};

/*
 * Waits for a turn; its end is the request's time limit.  ERR_THROTTLED if the caller has
 * API_THREADS / 4 requests in this process (at least two); ERR_BUSY if all users together have
 * API_THREADS * 3 / 4, or if the time is over.  After ERR_NONE costly_leave() must follow.
 */
enum err costly_enter(struct request *r, struct costly *c) MUST_CHECK;
void costly_leave(struct request *r);

/* Gives up the turn while the client is waited for, and takes one again. */
void costly_pause(struct request *r);
void costly_resume(struct request *r);

#endif
