/*
 * Credential events: a new password, a changed second factor, the closing of an
 * account, the end of all sessions.  Each raises the user's credential
 * generation, which makes everything started before it invalid:
 *
 * - a session carries the generation of the user whose password was checked, its
 *   access tokens carry it on, and a refresh needs the current one;
 * - a one-time secret carries the generation of the user it was made for;
 * - an API token carries the generation of the last event that ended API tokens.
 *
 * A session that is opened while an event runs therefore has an old generation and
 * is never valid.  No request waits for another, so repeated log-ins cannot
 * delay a reset, and the event costs the same however many sessions it ends.
 */
#ifndef API_ACCOUNT_CREDENTIALS_H
#define API_ACCOUNT_CREDENTIALS_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct request;
struct change;
struct change_plan;

struct credential_event {
    struct request *r;
    const bson_oid_t *user;
    const bson_t *proved;   /* the user whose password was checked; NULL: none */
    const bson_oid_t *keep; /* the caller's session, which stays open; NULL: none */
    bool keep_api_tokens;
    const bson_t *set, *unset; /* fields that are set and unset with it; NULL: none */
    int64_t ended;             /* output: the generation that has ended */
};

/* The topics of the change. */
void credentials_plan(const struct credential_event *e, struct change_plan *plan);

/*
 * Within the change: raises the generation, sets the fields, drops pending addresses, pending
 * numbers and one-time secrets, and keeps `keep`.  ERR_NO_AUTH if that session has ended in the
 * meantime; ERR_CONFLICT if another event came first; ERR_THROTTLED if there were too many
 * (QUOTA_USER_CREDENTIALS, QUOTA_USER_SESSION_ENDS).  A reset is never refused.
 */
enum err credentials_renew(struct credential_event *e, struct change *change) MUST_CHECK;

/* To be called after the commit: makes access tokens of the ended sessions invalid at once. */
void credentials_publish(const struct credential_event *e);

/*
 * Within a change: the caller's account as it is now.  ERR_NO_AUTH if the session has ended, even a
 * moment ago; ERR_CONFLICT if proved (NULL: nothing) is of an older generation.
 */
enum err credentials_current(struct request *r, const bson_t *proved,
                             const bson_t **user) MUST_CHECK;

#endif
