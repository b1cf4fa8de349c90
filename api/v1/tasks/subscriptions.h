/*
 * The states that users have set for tasks: watching or muted.  A state is its user's alone; nobody
 * else sees it.
 */
#ifndef API_V1_TASKS_SUBSCRIPTIONS_H
#define API_V1_TASKS_SUBSCRIPTIONS_H

#include <bson/bson.h>

#include "common/base/err.h"

struct change;
struct request;

/* The filter of the caller's, within the projects that the token reaches; owned by the request. */
bson_t *subscriptions_own(struct request *r);

/*
 * Within the change that moves tasks (an array of ids) to another project: they go along, except those of users who
 * may not read that project.  There are no events for this, as with notifications.
 */
enum err subscriptions_move(struct request *r, struct change *change, const bson_t *tasks_moved,
                            const bson_t *project) MUST_CHECK;

/* Within a change: removes the user's in a project that the user has left. */
enum err subscriptions_leave(struct request *r, struct change *change, const bson_oid_t *project,
                             const bson_oid_t *user) MUST_CHECK;

/*
 * Within the change that creates tasks from others: queues that whoever has set a state for one
 * gets it for its copy.  pairs: an array of ids, each task's followed by its copy's.
 */
enum err subscriptions_queue_copies(struct change *change, const bson_t *pairs) MUST_CHECK;

/*
 * Sets the state of the request's user for a task, in a change of its own, unless the user has set
 * one.  ERR_NOT_FOUND if the task or the user is gone, or the user may not read it.
 */
enum err subscriptions_copy(struct request *r, const bson_oid_t *task,
                            const char *state) MUST_CHECK;

#endif
