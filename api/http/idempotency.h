/*
 * Records of replies to requests with an Idempotency-Key, so that repeating a request returns the
 * same reply.
 */
#ifndef API_HTTP_IDEMPOTENCY_H
#define API_HTTP_IDEMPOTENCY_H

#include <bson/bson.h>
#include <stdbool.h>

#include "common/base/err.h"

struct request;

/* Computes the digest of method, path and the body's JSON value, which is stored in the record. */
void idempotency_digest(struct request *r);

/* Does the key's record exist, whatever it says? */
enum err idempotency_exists(struct request *r, bool *found) MUST_CHECK;

/* Within a change: appends the request's digest and its reply to the key's record. */
void idempotency_record(bson_t *record, void *request);

/* Is it the record of this request, and not of another one with its key? */
bool idempotency_is(const struct request *r, const bson_t *record) MUST_CHECK;

/* Replies with a record of the key.  ERR_KEY_REUSED if it belongs to another request. */
enum err idempotency_reply(struct request *r, const bson_t *record) MUST_CHECK;

/*
 * If the key's record exists, replies with it: *found.  ERR_KEY_REUSED if it belongs to another
 * request.
 */
enum err idempotency_replay(struct request *r, bool *found) MUST_CHECK;

/* The same, and it also finds a record that another host committed a moment ago. */
enum err idempotency_replay_newest(struct request *r, bool *found) MUST_CHECK;

#endif
