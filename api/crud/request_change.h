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
 * returns ERR_NONE.  ERR_QUOTA if a project has no room for the request's bytes.
 */
enum err request_change(struct request *r, const struct change_plan *plan) MUST_CHECK;

#endif
