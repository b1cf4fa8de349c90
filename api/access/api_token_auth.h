/*
 * API tokens: programs send them instead of an access token; their scopes limit what they may do.
 */
#ifndef API_ACCESS_API_TOKEN_AUTH_H
#define API_ACCESS_API_TOKEN_AUTH_H

#include <bson/bson.h>
#include <stdbool.h>

#include "common/base/err.h"

struct request;

#define API_TOKEN_PREFIX  "tw_" /* so that scanners for leaked secrets find them */
#define API_TOKEN_PURPOSE "api" /* in the collection tokens */

/* The names in the API; each scope includes those before it. */
extern const char *const api_token_auth_scopes[]; /* ends with NULL */

/* Does it look like an API token, valid or not? */
bool api_token_auth_is(const char *text);

/*
 * Finds the token's user and fills in the request's user.  ERR_NO_AUTH if the token does not exist
 * or has ended; ERR_FORBIDDEN if its scopes do not cover the request's route.
 */
enum err api_token_auth_check(struct request *r, const char *text) MUST_CHECK;

/*
 * May the request's token be used for its route?  ERR_FORBIDDEN if its scopes do not cover it, or
 * if it is bound to projects and the route does not check that.  Access tokens may always.
 */
enum err api_token_auth_covers(struct request *r) MUST_CHECK;

/*
 * May the request's token be used in this project?  Always, unless it is an API token bound to
 * other projects.  Does not check the user's own rights.
 */
bool api_token_auth_reaches(const struct request *r, const bson_oid_t *project);

/* Appends {field: {$in: the token's projects}} to a filter if the token is bound to projects. */
void api_token_auth_within(const struct request *r, const char *field, bson_t *filter);

#endif
