/*
 * A status that becomes of kind done completes its tasks, one that becomes open
 * reopens them: completedAt is set or cleared, with an ordinary event for each.
 */
#ifndef API_V1_TASKS_STATUS_KINDS_H
#define API_V1_TASKS_STATUS_KINDS_H

#include <bson/bson.h>
#include <stdbool.h>

#include "common/base/err.h"

struct request;
struct change;

#define STATUS_KINDS_BATCH 100 /* tasks that one transaction changes */

/*
 * As struct resource's `after`, of projects: the first STATUS_KINDS_BATCH tasks
 * in the change itself; a job does what is left.
 */
enum err status_kinds_changed(struct request *r, struct change *change, const bson_t *before,
                              const bson_t *after) MUST_CHECK;

/* For the job: brings the tasks of a status in line with its present kind, batch by batch. */
enum err status_kinds_follow(struct request *r, const bson_oid_t *project, const char *status,
                             bool *more) MUST_CHECK;

#endif
