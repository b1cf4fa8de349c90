/*
 * What one reply of /v1/sync reports as gone.
 */
#ifndef API_V1_SYNC_SYNC_DELETED_H
#define API_V1_SYNC_SYNC_DELETED_H

#include "common/base/err.h"

struct sync_plan;
struct text;

/*
 * Appends the tombstones, with "," between them: of the plan's entities that were not found, and
 * of projects that the caller no longer sees.  Called once everything else has been looked for.
 */
enum err sync_deleted_write(const struct sync_plan *plan, struct text *out) MUST_CHECK;

#endif
