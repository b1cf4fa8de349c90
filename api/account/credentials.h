/*
 * Credential events: a new password, a changed second factor, the closing of an
 * account, the end of all sessions.  Each raises the user's credential
 * generation, with which everything that was begun before is worth nothing:
 *
 * - a session carries the generation of the user whose password was checked, its
 *   access tokens carry it on, and a refresh needs the current one;
 * - a one-time secret carries the generation of the user it was made for;
 * - an API token carries the generation of the last event that ended API tokens.
 *
 * Whatever is opened while an event runs thus carries an old generation: it is
 * dead when it is born.  Nobody has to wait for anybody, so no loop of log-ins
 * can hold up a reset, and the event costs the same however many sessions it ends.
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
    const bson_oid_t *keep; /* the session that goes on, the caller's; NULL: none */
    bool keep_api_tokens;
    const bson_t *set, *unset; /* fields that change with it; NULL: none */
    int64_t ended;             /* filled: the generation that has ended */
};

/* What the change takes the numbers of. */
void credentials_plan(const struct credential_event *e, struct change_plan *plan);

/*
 * Within the change: raises the generation, sets the fields, drops pending
 * addresses and numbers and one-time secrets, and keeps `keep`.  ERR_NO_AUTH when
 * that session has ended meanwhile; ERR_CONFLICT when another event was faster;
 * ERR_THROTTLED when there were too many (QUOTA_USER_CREDENTIALS,
 * QUOTA_USER_SESSION_ENDS).  A reset is never refused.
 */
enum err credentials_renew(struct credential_event *e, struct change *change) MUST_CHECK;

/* After the commit: access tokens of the ended sessions are worth nothing from now on. */
void credentials_tell(const struct credential_event *e);

/*
 * Within a change: the caller's account as it is now.  ERR_NO_AUTH when the
 * session has ended, be it a moment ago; ERR_CONFLICT when proved (NULL: nothing)
 * is of an older generation.
 */
enum err credentials_current(struct request *r, const bson_t *proved,
                             const bson_t **user) MUST_CHECK;

#endif
