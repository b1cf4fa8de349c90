/*
 * The kinds of jobs.
 */
#ifndef API_JOBS_KINDS_H
#define API_JOBS_KINDS_H

#include <bson/bson.h>

#include "common/base/err.h"

struct jobs_context;

/* ERR_NONE: done.  ERR_INVALID: it will never succeed.  Anything else: to be tried again. */
enum err kinds_do(const struct jobs_context *context, const char *kind,
                  const bson_t *content) MUST_CHECK;

#endif
