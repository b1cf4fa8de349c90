/*
 * Copying a task within a change, with its files: for the next task of a series, and for
 * duplicates.
 */
#ifndef API_V1_TASKS_TASK_COPY_H
#define API_V1_TASKS_TASK_COPY_H

#include <bson/bson.h>
#include <stdbool.h>

#include "common/base/err.h"

struct change;
struct request;

/* Subtasks that one change copies with their task, so that the transaction stays short. */
#define TASK_COPY_SUBTASKS 100

/* The living subtasks of a task, at most one more than are copied; the request owns them. */
struct task_copy_subtasks {
    struct request *r;
    const bson_t *docs[TASK_COPY_SUBTASKS + 1];
    int count;
};
enum err task_copy_find_subtasks(struct request *r, const bson_oid_t *task,
                                 struct task_copy_subtasks *out) MUST_CHECK;

/* Where copies go. */
struct task_copy {
    struct request *r;
    struct change *change;
    const bson_t *project;
    int topic;                 /* of the project, in the change */
    bool tells;                /* notifies those who are assigned to the copy */
    const bson_oid_t *creator; /* of the copied files; NULL: whoever attached the original ones */
};

/*
 * Stores a copy of a task, with its attachments and an event for each.  The copy has the fields
 * that clients can set (of the reminders only those before the due date, unless set has others),
 * and those in set, where the caller puts parentId, previousId and createdBy.  It is a new task
 * otherwise: at the end of the project, neither completed nor archived, with the first open status,
 * unless set has position, completedAt, archivedAt or status.  Users who are not members are not
 * assigned to it. *copy: what was stored.  ERR_QUOTA if the project is full.
 */
enum err task_copy_insert(const struct task_copy *c, const bson_t *task, bson_t *set,
                          const bson_t **copy) MUST_CHECK;

#endif
