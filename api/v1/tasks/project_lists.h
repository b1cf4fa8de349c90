/*
 * Tasks follow their project's statuses and labels, with an ordinary event for each: when a
 * status's kind becomes done its tasks are completed, when it becomes open they are reopened; the
 * tasks of a deleted status get another; a deleted label is taken off its tasks.
 */
#ifndef API_V1_TASKS_PROJECT_LISTS_H
#define API_V1_TASKS_PROJECT_LISTS_H

#include <bson/bson.h>
#include <stdbool.h>

#include "common/base/err.h"

struct request;
struct change;

#define PROJECT_LISTS_BATCH 100 /* tasks that one transaction changes */

/*
 * The `after` of struct resource for projects, which follows changes of kinds: updates the first
 * PROJECT_LISTS_BATCH tasks in the change itself; a job does the rest (api/v1/user_jobs.h).
 */
enum err project_lists_changed(struct request *r, struct change *change, const bson_t *before,
                               const bson_t *after) MUST_CHECK;

/* What the tasks have to follow: one of the two. */
struct project_lists_item {
    const char *status; /* whose kind changed, or that was deleted */
    const char *to;     /* of a deleted one: the status that its tasks get; NULL: none */
    const char *label;  /* that was deleted */
};

/* Within the change that deletes it from the project, in the same way. */
enum err project_lists_removed(struct request *r, struct change *change, const bson_t *project,
                               const struct project_lists_item *item) MUST_CHECK;

/*
 * Within a change of the job: updates up to PROJECT_LISTS_BATCH tasks to the project as it is now.
 * content: the job's, {projectId, items: [{status, to, label}]}, or, from earlier versions, one
 * item without `items`.  *done: how many tasks; *more: some are left.
 */
enum err project_lists_follow(struct request *r, struct change *change, const bson_t *content,
                              int64_t *done, bool *more) MUST_CHECK;

#endif
