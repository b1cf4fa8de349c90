/*
 * Running a change on behalf of a request.
 */
#ifndef API_CRUD_REQUEST_CHANGE_H
#define API_CRUD_REQUEST_CHANGE_H

#include "common/change/change.h"

struct request;

/*
 * Runs a plan as the request's user, with the request's idempotency key.  The plan has its topics
 * and function; its record, actor and bytes are set here. fn must have written the reply when it
 * returns ERR_NONE.  ERR_QUOTA if a project has no room for the request's bytes.  ERR_NOT_FOUND,
 * before a transaction is begun, if the caller may not know of a planned project: neither the time
 * that it takes nor the project's topic shows that it exists.
 */
enum err request_change(struct request *r, const struct change_plan *plan) MUST_CHECK;

/* The same, for callers whom an invitation shows the planned project. */
enum err request_change_invited(struct request *r, const struct change_plan *plan) MUST_CHECK;

#endif
