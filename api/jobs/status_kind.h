/*
 * Completes a status's change of kind (api/v1/tasks/status_kinds.h).
 */
#ifndef API_JOBS_STATUS_KIND_H
#define API_JOBS_STATUS_KIND_H

#include <bson/bson.h>

#include "common/base/err.h"

struct jobs_context;

/* content: {projectId, status, userId}; userId is who changed it. */
enum err status_kind_job(const struct jobs_context *context, const bson_t *content) MUST_CHECK;

#endif
