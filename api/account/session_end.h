/*
 * Ending individual sessions: by log-out, by reuse of a refresh token, or because a user has too
 * many.  For all of a user's sessions at once see credentials.h.
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
    bson_oid_t sessions[SESSION_ENDS_MAX]; /* to be ended; kept, since the change may run again */
    int count;
    bool ended[SESSION_ENDS_MAX]; /* which of them the last run has ended */
    int ended_count;
};

/* The topics of a change that ends sessions of a user. */
void session_end_plan(struct request *r, const bson_oid_t *user, struct change_plan *plan);

/*
 * Within such a change: ends the sessions that are open, each with its event on the user's topic.
 */
enum err session_end_run(struct session_end *e, struct change *change) MUST_CHECK;

/* To be called after the commit: makes their access tokens invalid at once. */
void session_end_publish(const struct session_end *e);

/*
 * To be called after a log-in: ends a user's oldest sessions if there are more than SESSIONS_MAX.
 * Failures are logged; the next log-in tries again.
 */
void session_end_oldest(struct request *r, const bson_t *user);

#endif
