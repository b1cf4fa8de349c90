/*
 * How often: tries at an account's secrets, and what one address may ask for.
 */
#ifndef API_HTTP_LIMITS_H
#define API_HTTP_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct request;

#define LIMITS_NETWORK 80 /* bytes of what limits_network() writes */

/* What counts as one address: an IPv4 address, or the /64 of an IPv6 address. */
void limits_network(const char *address, char out[LIMITS_NETWORK]);

/*
 * Counts a request of a route with the flag LOGINS for its address.
 * ERR_THROTTLED, and the reply's RateLimit-* either way.  Without Redis nginx's
 * limits remain.
 */
enum err limits_address(struct request *r) MUST_CHECK;

/*
 * Before a try at the secret of an account, counted under a name: account_bucket()
 * gives it.  ERR_THROTTLED when it must wait.  Without Redis MongoDB counts.
 */
enum err limits_try(struct request *r, const char *account) MUST_CHECK;

/* Where a client stands with a limit (draft-ietf-httpapi-ratelimit-headers-11). */
struct limit_state {
    const char *name;
    long limit, window; /* how many, in how many seconds */
    long remaining;     /* how many are left */
    long reset;         /* after how many seconds there are more */
};

/* Tells the client of a limit in RateLimit-*, beside those that were told before. */
void limits_say(struct request *r, const struct limit_state *state);

/* Passwords are hashed for this account (NULL: not known), on behalf of the request's address. */
void limits_hashing(struct request *r, const char *account);

/* How it went.  Failing to count is logged, not reported. */
void limits_tried(struct request *r, const char *account, bool right);

#endif
