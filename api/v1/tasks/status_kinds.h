/*
 * When a status's kind becomes done its tasks are completed, when it becomes open they are
 * reopened: completedAt is set or cleared, with an ordinary event for each.
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
 * The `after` of struct resource for projects: updates the first STATUS_KINDS_BATCH tasks in the
 * change itself; a job does the rest.
 */
enum err status_kinds_changed(struct request *r, struct change *change, const bson_t *before,
                              const bson_t *after) MUST_CHECK;

/* For the job: updates the tasks of a status to its present kind, batch by batch. */
enum err status_kinds_follow(struct request *r, const bson_oid_t *project, const char *status,
                             bool *more) MUST_CHECK;

#endif
