/*
 * Copies the tasks of a project that was duplicated (api/v1/projects/duplicate.c).
 */
#ifndef API_JOBS_DUPLICATE_H
#define API_JOBS_DUPLICATE_H

#include <bson/bson.h>

#include "common/base/err.h"

struct jobs_context;

/* content: as project_copy_write(), and {jobId, userId}; userId is who duplicates it. */
enum err duplicate_job(const struct jobs_context *context, const bson_t *content) MUST_CHECK;

#endif
