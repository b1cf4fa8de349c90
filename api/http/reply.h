/*
 * The only way out: JSON bodies, problem+json, ETag and headers.
 */
#ifndef API_HTTP_REPLY_H
#define API_HTTP_REPLY_H

#include <bson/bson.h>

#include "common/base/err.h"

struct request;
struct shape;
struct text;

/* A body to write JSON into; status as given. */
struct text *reply_json(struct request *r, int status);

/* No body. */
enum err reply_empty(struct request *r, int status);

/* The public form of a stored document, with its ETag. */
enum err reply_doc(struct request *r, int status, const struct shape *shape, const bson_t *doc);

/* The ETag of a version. */
void reply_etag(struct request *r, int64_t rev);

/*
 * Sends what a long body holds so far, so that its memory stays bounded.  From
 * the first time on nothing of the head can change, and an error can only break
 * the connection off.
 */
#define REPLY_CHUNK 262144 /* bytes gathered before they are sent */
void reply_flush(struct request *r);

/* 304 instead of the body, if the client has this version. */
void reply_unchanged(struct request *r);

/* Turns an error into problem+json. */
void reply_problem(struct request *r, enum err err);

/* Status, slug and title of each kind of failure, for OpenAPI and tests. */
extern const struct problem {
    int status;
    const char *slug, *title;
} problems[ERR__COUNT];

#endif
