/*
 * API tokens: what programs show instead of an access token, and what they may
 * do with it.
 */
#ifndef API_ACCESS_API_TOKEN_AUTH_H
#define API_ACCESS_API_TOKEN_AUTH_H

#include <bson/bson.h>
#include <stdbool.h>

#include "common/base/err.h"

struct request;

#define API_TOKEN_PREFIX  "tw_" /* so that scanners for leaked secrets find them */
#define API_TOKEN_PURPOSE "api" /* in the collection tokens */

/* As a client names them; each includes those before it. */
extern const char *const api_token_auth_scopes[]; /* ends with NULL */

/* Is it an API token, good or not? */
bool api_token_auth_is(const char *text);

/*
 * Finds whose token it is and fills the request's user.  ERR_NO_AUTH when it is
 * none, or none any more; ERR_FORBIDDEN when its scopes do not reach to the
 * request's route.
 */
enum err api_token_auth_check(struct request *r, const char *text) MUST_CHECK;

/*
 * May the request's token be used in this project?  Always, unless it is an API
 * token bound to others; whether its user may is another question.
 */
bool api_token_auth_reaches(const struct request *r, const bson_oid_t *project);

/* Appends {field: {$in: the projects}} to a filter, if the token is bound to projects. */
void api_token_auth_within(const struct request *r, const char *field, bson_t *filter);

#endif
