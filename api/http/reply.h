/*
 * Everything that is sent to clients: JSON bodies, problem+json, ETag and headers.
 */
#ifndef API_HTTP_REPLY_H
#define API_HTTP_REPLY_H

#include <bson/bson.h>

#include "common/base/err.h"

struct request;
struct shape;
struct text;

/* Starts a JSON body and returns it, with the given status. */
struct text *reply_json(struct request *r, int status);

/* A reply without a body. */
enum err reply_empty(struct request *r, int status);

/* The public form of a stored document, with its ETag. */
enum err reply_doc(struct request *r, int status, const struct shape *shape, const bson_t *doc);

/* The ETag of a stored document: its rev, and after a dot how often its counters have changed. */
void reply_etag(struct request *r, const bson_t *doc);

/*
 * Sends the part of a long body that has been written, so that memory stays bounded.  After the
 * first call the head can no longer change, and an error can only break the connection.
 */
#define REPLY_CHUNK 262144 /* bytes gathered before they are sent */
void reply_flush(struct request *r);

/* Replies 304 instead of the body if the client has this version. */
void reply_unchanged(struct request *r);

/* Turns an error into problem+json. */
void reply_problem(struct request *r, enum err err);

/* Status, slug and title of each kind of failure, for OpenAPI and tests. */
extern const struct problem {
    int status;
    const char *slug, *title;
} problems[ERR__COUNT];

#endif
