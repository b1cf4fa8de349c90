/*
 * Records of what was answered under an Idempotency-Key, so that the same request
 * gets the same answer again.
 */
#ifndef API_HTTP_IDEMPOTENCY_H
#define API_HTTP_IDEMPOTENCY_H

#include <bson/bson.h>
#include <stdbool.h>

#include "common/base/err.h"

struct request;

/* Makes the digest of method, path and the body's JSON value, which a record keeps. */
void idempotency_digest(struct request *r);

/* Within a change: appends the request's digest and its reply to the key's record. */
void idempotency_record(bson_t *record, void *request);

/* If the key's record exists, makes it the reply: *found.  ERR_KEY_REUSED when it is of another
 * request. */
enum err idempotency_replay(struct request *r, bool *found) MUST_CHECK;

/* The same, and it also finds what was committed on another host a moment ago. */
enum err idempotency_replay_newest(struct request *r, bool *found) MUST_CHECK;

#endif
