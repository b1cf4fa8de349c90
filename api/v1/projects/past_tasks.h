/*
 * A project's tasks as they were at a number of its log.
 */
#ifndef API_V1_PROJECTS_PAST_TASKS_H
#define API_V1_PROJECTS_PAST_TASKS_H

#include "api/v1/projects/past.h"

struct past_more;

struct past_tasks {
    struct past *past;
    struct past_more *more; /* sorted */
    uint32_t more_count, more_room;
};

/*
 * Finds how the tasks that have changed were: sets `then` of each, and notes which counters were
 * different.  past_tasks_free() in any case.
 */
enum err past_tasks_find(struct past_tasks *t) MUST_CHECK;
void past_tasks_free(struct past_tasks *t);

/* A task with the counters that it had; the caller's to destroy. */
bson_t *past_tasks_counted(const struct past_tasks *t, const bson_t *task);

#endif
