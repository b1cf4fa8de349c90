/*
 * How often: tries at an account's secrets, and what one address may ask for.
 */
#ifndef API_LIMITS_H
#define API_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct change;
struct request;

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

/*
 * Within a change: counts one use of `what`, of which `most` are allowed in each
 * window of so many ms; counted only if the change is committed.  Kept in the
 * database, so that neither a deleted document nor the end of Redis resets it.
 * ERR_THROTTLED with Retry-After when they are used up.
 */
enum err limits_spend(struct request *r, struct change *change, const char *what, long most,
                      int64_t window_ms) MUST_CHECK;

/* Passwords are hashed for this account (NULL: not known), on behalf of the request's address. */
void limits_hashing(struct request *r, const char *account);

/* How it went.  Failing to count is logged, not reported. */
void limits_tried(struct request *r, const char *account, bool right);

#endif
