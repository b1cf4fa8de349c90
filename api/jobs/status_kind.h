/*
 * Lets all tasks follow a status whose kind changed, or a status or label that was deleted
 * (api/v1/tasks/project_lists.h).
 */
#ifndef API_JOBS_STATUS_KIND_H
#define API_JOBS_STATUS_KIND_H

#include <bson/bson.h>

#include "common/base/err.h"

struct jobs_context;

/* content: as project_lists_follow(), and {jobId, userId}; userId is who changed the project. */
enum err status_kind_job(const struct jobs_context *context, const bson_t *content) MUST_CHECK;

#endif
