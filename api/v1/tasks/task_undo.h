/*
 * What taking back a change of a task and taking back its move to another project have in common.
 */
#ifndef API_V1_TASKS_TASK_UNDO_H
#define API_V1_TASKS_TASK_UNDO_H

#include <bson/bson.h>
#include <stdbool.h>

#include "api/crud/entity.h"
#include "api/schema/doc_revert.h"
#include "common/change/event.h"

struct change;
struct request;

/* What is asked for. */
struct undo {
    struct request *r;
    bson_oid_t id, project; /* the task and where it is */
    const char *topic;
    int64_t seq, rev;     /* of the event */
    enum event_kind kind; /* and its kind */
    const bson_t *changes;
    bool arrived; /* it moved the task from one project to another */
};

/* The change during its transaction. */
struct undoing {
    struct undo *u;
    struct change *change;
    int topic;             /* the index of that of the project below */
    const bson_t *project; /* where the task will be */
    const bson_t *before;  /* the task as it is; an empty document if nothing of it counts there */
    const bson_t *moving;  /* ids of the tasks that move there in this change; NULL: none */
};

/*
 * Is the task as the event has left it?  ERR_CONFLICT, and the problem names the fields that have
 * other values now; ERR_GONE if the log does not tell a value; ERR_STALE (If-Match, Base-Rev).
 */
enum err task_undo_check(const struct undoing *d, const struct entity_change *e,
                         struct doc_reverted *was) MUST_CHECK;

/*
 * Appends to set the fields that the task gets back, of those that it had (in stored form): without
 * labels, assignees, relations and a parent that cannot be there any more.
 */
enum err task_undo_fields(const struct undoing *d, const bson_t *was, bson_t *set) MUST_CHECK;

/* Replaces a position in set that another task has taken meanwhile: next to that one. */
enum err task_undo_position(const struct undoing *d, bson_t *set) MUST_CHECK;

/* ERR_CONFLICT, naming the fields. */
enum err task_undo_refuse(struct request *r, const char *const *names, int count) MUST_CHECK;

/* Takes back a move from another project: the task and its subtasks return to it. */
enum err task_undo_move(struct undo *u) MUST_CHECK;

#endif
