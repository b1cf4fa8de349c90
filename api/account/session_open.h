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
 * it was when the password was checked, and writes the reply of a log-in: {user,
 * accessToken, refreshToken, expiresIn}.  device: the session's name; NULL: what
 * the client says of itself.
 */
enum err session_open(struct request *r, struct change *change, const bson_t *user,
                      const char *device) MUST_CHECK;

/* When a session ends if it is not used again, or at the latest. */
int64_t session_open_expiry(const bson_t *session, int64_t now);

/* The client's User-Agent, shortened if necessary. */
const char *session_open_agent(struct request *r);

/*
 * The same reply for a stored session.  Its access token's lifetime counts from the start of the
 * request, so that it cannot outlast the log of ended sessions, however slow this host is.
 */
void session_open_reply(struct request *r, int status, const bson_t *user, const bson_t *session,
                        const char *refresh_secret);

/* Does the body ask for the refresh token as a cookie, and is its page allowed to? */
enum err session_open_cookie(struct request *r, const bson_t *body) MUST_CHECK;

#endif
