/*
 * API tokens: what programs show instead of an access token, and what they may
 * do with it.
 */
#ifndef API_BEARER_H
#define API_BEARER_H

#include <bson/bson.h>
#include <stdbool.h>

#include "common/err.h"

struct request;

#define BEARER_PREFIX  "tw_" /* so that scanners for leaked secrets find them */
#define BEARER_PURPOSE "api" /* in the collection tokens */

/* As a client names them; each includes those before it. */
extern const char *const bearer_scopes[]; /* ends with NULL */

/* Is it an API token, good or not? */
bool bearer_is(const char *text);

/*
 * Finds whose token it is and fills the request's user.  ERR_NO_AUTH when it is
 * none, or none any more; ERR_FORBIDDEN when its scopes do not reach to the
 * request's route.
 */
enum err bearer_check(struct request *r, const char *text) MUST_CHECK;

/*
 * May the request's token be used in this project?  Always, unless it is an API
 * token bound to others; whether its user may is another question.
 */
bool bearer_reaches(const struct request *r, const bson_oid_t *project);

/* Appends {field: {$in: the projects}} to a filter, if the token is bound to projects. */
void bearer_within(const struct request *r, const char *field, bson_t *filter);

#endif
