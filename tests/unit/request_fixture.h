/*
 * A request from plain bytes, as the worker would make it, and the content of its reply.  One at a
 * time.
 */
#ifndef TESTS_UNIT_REQUEST_FIXTURE_H
#define TESTS_UNIT_REQUEST_FIXTURE_H

#include <bson/bson.h>

#include "api/http/request.h"

#define FIXTURE_USER    "0123456789abcdef01234567"
#define FIXTURE_SESSION "fedcba9876543210fedcba98"

/* A request of FIXTURE_USER for a path with an optional query; frees the previous one. */
struct request *fixture_request(const char *method, const char *target);

/* Sets its body, parsed: the test fails if it is not JSON. */
void fixture_body(struct request *r, const char *json);

/* All complaints as "pointer code" with "; " between; "" for none. */
const char *fixture_complaints(struct request *r);

/* Canonical JSON of a document, as long as the request lives. */
const char *fixture_json(struct request *r, const bson_t *doc);

/* A document from JSON, as long as the request lives. */
bson_t *fixture_bson(struct request *r, const char *json);

/* The slug of the problem that a client gets for an error. */
const char *fixture_slug(enum err err);

/* Frees what is left; the last line of main() before its return. */
void fixture_done(void);

#endif
