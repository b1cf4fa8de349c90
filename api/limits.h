/*
 * How often: tries at an account's secrets, and what one address may ask for.
 */
#ifndef API_LIMITS_H
#define API_LIMITS_H

#include <stdbool.h>

#include "common/err.h"

struct request;

/*
 * Counts a request of a route with the flag LOGINS for its address.
 * ERR_THROTTLED, and the reply's RateLimit-* either way.  Without Redis nginx's
 * limits remain.
 */
enum err limits_address(struct request *r) MUST_CHECK;

/*
 * Before a try at the secret of an account, which a login (account_login(); there
 * may be no such account) or an id names: ERR_THROTTLED when it must wait.
 * Without Redis MongoDB counts.
 */
enum err limits_try(struct request *r, const char *account) MUST_CHECK;

/* How it went.  Failing to count is logged, not reported. */
void limits_tried(struct request *r, const char *account, bool right);

#endif
