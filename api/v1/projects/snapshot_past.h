/*
 * GET /v1/projects/{id}/snapshot?at=: the project as it was at a number of its log.
 */
#ifndef API_V1_PROJECTS_SNAPSHOT_PAST_H
#define API_V1_PROJECTS_SNAPSHOT_PAST_H

#include <bson/bson.h>

#include "common/base/err.h"

struct request;

/*
 * Replies with the snapshot as of a number or cursor.  ERR_BAD_PARAMETER if it is neither, or in
 * the future; ERR_GONE if it is more than PAST_EVENTS events back, or the log was trimmed since.
 */
enum err snapshot_past(struct request *r, const bson_oid_t *project, const char *at) MUST_CHECK;

#endif
