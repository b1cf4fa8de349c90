/*
 * Who watches a task.  Each user can set a state of their own (subscriptions.h).  Without one, the
 * creator, the assignees and those involved watch it: whoever commented on it or was mentioned in a
 * comment.
 */
#ifndef API_V1_TASKS_TASK_WATCHERS_H
#define API_V1_TASKS_TASK_WATCHERS_H

#include <bson/bson.h>
#include <stdbool.h>

#include "api/queue/queue.h"
#include "common/base/err.h"
#include "common/store/store.h"

struct change;
struct request;

/*
 * Users in involvedIds of a task; of more, the earliest are dropped.  This keeps the field below 5
 * KiB, since it is read with the task.
 */
#define TASK_WATCHERS_INVOLVED 200

/*
 * Appends involvedIds of a task to set, with the author of a comment and those whom it mentions.
 * false: they were all there, and nothing is appended.
 */
bool task_watchers_involve(const bson_t *task, const bson_t *comment, bson_t *set);

/* Does the user watch the task by default? */
bool task_watchers_by_default(const bson_t *task, const bson_oid_t *user);

/* Has the user muted the task?  For what is sent about it, such as reminders. */
enum err task_watchers_muted(struct store *store, const bson_oid_t *task, const bson_oid_t *user,
                             bool *muted) MUST_CHECK;

/*
 * All who watch the task, each once, in memory of the request's arena.  They may have lost the
 * right to read it.
 */
struct task_watchers {
    bson_oid_t *users;
    uint32_t count;
};
enum err task_watchers_find(struct request *r, const bson_t *task,
                            struct task_watchers *out) MUST_CHECK;

/*
 * Within a change: queues the job that notifies the watchers of one of the project's tasks, unless
 * the caller is alone in the project.
 */
enum err task_watchers_queue(struct request *r, struct change *change, enum job_kind kind,
                             const bson_oid_t *project, const bson_t *content) MUST_CHECK;

/* The same if the task's status changed, except by a move to another project. */
enum err task_watchers_status(struct request *r, struct change *change, const bson_t *before,
                              const bson_t *after) MUST_CHECK;

#endif
