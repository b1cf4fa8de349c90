/*
 * A task with its subtasks in another project: what they keep there, and what they lose.
 */
#ifndef API_V1_TASKS_TASK_TRANSFER_H
#define API_V1_TASKS_TASK_TRANSFER_H

#include <bson/bson.h>

#include "common/base/err.h"

struct change;
struct request;

#define TASK_TRANSFER_SUBTASKS                                                                     \
    100 /* subtasks that move with their task, those in the trash too                              \
         */

/* A move of a task from one project to another, within its change. */
struct task_transfer {
    struct request *r;
    struct change *change;
    int from_topic, to_topic;  /* their indexes in the change */
    const bson_t *from, *to;   /* the projects */
    const bson_t *task;        /* as it was */
    bson_t *ids;               /* of all tasks that move */
    bson_t *labels, *statuses; /* ids of one project to those of the other, by name */
    struct task_dropped *dropped;
    /* What a subtask gets in place of what a move gives it; NULL: nothing. */
    const bson_t *(*former)(struct task_transfer *t, const bson_t *subtask);
    void *arg; /* for former() */
    const bson_t *subtasks[TASK_TRANSFER_SUBTASKS + 1];
    int count;
};

/*
 * Begins a transfer whose members up to `task` are set: finds the subtasks.  ERR_CONFLICT if there
 * are too many.
 */
enum err task_transfer_begin(struct task_transfer *t) MUST_CHECK;

/*
 * Appends what the task has in the new project: the labels and the status of the same name, the
 * assignees who are members, the relations to tasks that move too.  Notes what is lost.
 */
void task_transfer_fields(struct task_transfer *t, const bson_t *task, bson_t *set);

/*
 * Moves the subtasks to the end of the new project, and what belongs to all tasks that move:
 * comments, attachments, notifications and subscriptions.  Each subtask is the next event of both
 * projects.
 */
enum err task_transfer_rest(struct task_transfer *t) MUST_CHECK;

/*
 * The event on the old project's topic: the task is gone, but not where it went.  It has what the
 * task was there, as far as the move has changed it, and the counters that it takes along, for
 * those who ask what was there before.  counted: its parent stays, and has one subtask less.
 */
enum err task_transfer_tell(struct task_transfer *t, const bson_t *before, const bson_t *after,
                            bool counted) MUST_CHECK;

/* JSON of what was lost, in the request's arena; *any: is it anything? */
const char *task_transfer_dropped(const struct task_transfer *t, bool *any);

#endif
