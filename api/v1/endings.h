/*
 * Sessions that end: by log-out, by a new password, by the replay of a token.
 */
#ifndef API_V1_ENDINGS_H
#define API_V1_ENDINGS_H

#include <bson/bson.h>

#include "common/err.h"

struct request;
struct change;

struct endings {
    struct request *r;
    const bson_oid_t *user;
    const bson_oid_t *only;   /* NULL: every one */
    const bson_oid_t *except; /* NULL: none is left */
    bson_oid_t *ended;        /* which those were */
    int count, size;
};

/* Within a change: ends them, each with its event on the user's topic. */
enum err endings_run(struct endings *e, struct change *change) MUST_CHECK;

/* After the commit: their access tokens are worth nothing from now on. */
void endings_tell(const struct endings *e);

#endif
