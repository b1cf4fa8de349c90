/*
 * Sessions that end by themselves: by log-out, by the replay of a refresh token,
 * or since a user has too many.  All of a user's at once: credentials.h.
 */
#ifndef API_ACCOUNT_SESSION_END_H
#define API_ACCOUNT_SESSION_END_H

#include <bson/bson.h>
#include <stdbool.h>

#include "common/base/err.h"

struct request;
struct change;
struct change_plan;

#define SESSION_ENDS_MAX 20 /* that one change ends */

struct session_end {
    struct request *r;
    const bson_oid_t *user;
    bson_oid_t
        sessions[SESSION_ENDS_MAX]; /* to be ended; they stay, since a change may run again */
    int count;
    bool ended[SESSION_ENDS_MAX]; /* which of them the last run has ended */
    int ended_count;
};

/* What a change that ends sessions of a user takes the numbers of. */
void session_end_plan(struct request *r, const bson_oid_t *user, struct change_plan *plan);

/* Within such a change: ends those that live, each with its event on the user's topic. */
enum err session_end_run(struct session_end *e, struct change *change) MUST_CHECK;

/* After the commit: their access tokens are worth nothing from now on. */
void session_end_tell(const struct session_end *e);

/*
 * After a log-in: ends a user's oldest sessions when there are more than
 * SESSIONS_MAX.  What goes wrong is logged; the next log-in tries again.
 */
void session_end_oldest(struct request *r, const bson_t *user);

#endif
