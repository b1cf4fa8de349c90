/*
 * Rate limits: attempts at an account's secrets, and requests from one address.
 */
#ifndef API_HTTP_LIMITS_H
#define API_HTTP_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct request;

#define LIMITS_NETWORK 80 /* bytes that limits_network() writes at most */

/* What counts as one address: an IPv4 address, or the /64 of an IPv6 address. */
void limits_network(const char *address, char out[LIMITS_NETWORK]);

/*
 * Counts a request to a route with the flag LOGINS for its address.  ERR_THROTTLED if there were
 * too many; sets the reply's RateLimit-* either way.  Without Redis only nginx's limits apply.
 */
enum err limits_address(struct request *r) MUST_CHECK;

/*
 * To be called before a secret of an account is checked; counted under the name from
 * account_bucket().  ERR_THROTTLED if the client must wait.  Without Redis MongoDB counts.
 */
enum err limits_try(struct request *r, const char *account) MUST_CHECK;

/* A client's state at a limit (draft-ietf-httpapi-ratelimit-headers-11). */
struct limit_state {
    const char *name;
    long limit, window; /* how many, in how many seconds */
    long remaining;     /* how many are left */
    long reset;         /* seconds until there are more */
};

/* Adds a limit to the reply's RateLimit-*, after those already added. */
void limits_report(struct request *r, const struct limit_state *state);

/* Sets the account (NULL: unknown) for which passwords are hashed, and the request's address. */
void limits_hashing(struct request *r, const char *account);

/* Reports the result of the check.  If counting fails, that is logged and not reported. */
void limits_tried(struct request *r, const char *account, bool right);

#endif
