/*
 * What concerns all who watch a task, one change for each of them, so that the change that causes
 * it stays small and does not wait for their topics.
 */
#ifndef API_JOBS_WATCHERS_H
#define API_JOBS_WATCHERS_H

#include <bson/bson.h>

#include "common/base/err.h"

struct jobs_context;

/* Notifies the watchers of a comment's task.  content: {commentId}. */
enum err watchers_commented(const struct jobs_context *context, const bson_t *content) MUST_CHECK;

/*
 * Notifies the watchers of a task's new status, unless the task has another one by now.  content:
 * {taskId, status, userId, once}: who has changed it, and the name that several such jobs share if
 * they are to notify each watcher only once; or null.
 */
enum err watchers_status_changed(const struct jobs_context *context,
                                 const bson_t *content) MUST_CHECK;

/* Copies the states that users have set.  content: subscriptions_queue_copies(). */
enum err watchers_copy(const struct jobs_context *context, const bson_t *content) MUST_CHECK;

#endif
