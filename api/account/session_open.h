/*
 * Opening a session, and the reply that log-in, registration and refresh have in common.
 */
#ifndef API_ACCOUNT_SESSION_OPEN_H
#define API_ACCOUNT_SESSION_OPEN_H

#include <bson/bson.h>
#include <stdint.h>

#include "common/base/err.h"

struct change;
struct request;

/*
 * Within a change: inserts a session under the user's credential generation, as
 * it was when the password was checked, and makes the reply of a log-in: {user,
 * accessToken, refreshToken, expiresIn}.  device: the session's name; NULL: what
 * the client says of itself.
 */
enum err session_open(struct request *r, struct change *change, const bson_t *user,
                      const char *device) MUST_CHECK;

/* When a session ends that is used now and then no more, or at the latest. */
int64_t session_open_expiry(const bson_t *session, int64_t now);

/* What the client says of itself, in bounds. */
const char *session_open_agent(struct request *r);

/*
 * The same reply for a session as it is stored.  Its access token's life counts
 * from the request's beginning: so it cannot outlast what the log of ended
 * sessions remembers, however slow this host is.
 */
void session_open_reply(struct request *r, int status, const bson_t *user, const bson_t *session,
                        const char *refresh_secret);

/* Does the body ask for the refresh token as a cookie, and may its page do so? */
enum err session_open_cookie(struct request *r, const bson_t *body) MUST_CHECK;

#endif
