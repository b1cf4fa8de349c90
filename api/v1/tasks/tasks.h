/*
 * Functions shared by the files about tasks.
 */
#ifndef API_V1_TASKS_TASKS_H
#define API_V1_TASKS_TASKS_H

#include <bson/bson.h>

#include "api/crud/query.h"
#include "api/crud/resource.h"
#include "common/text/text.h"

extern const struct shape task_shape;
extern const struct field task_fields[];

/* What a move to another project has lost: the field dropped of its reply. */
extern const struct field task_dropped_fields[];
#define TASK_DROPPED_MAX                                                                           \
    10000 /* of a list; 101 tasks have at most 50 labels or 100 relations each */

/* The cross-field rules (task_rules.c): a struct resource's check. */
enum err task_rules(const struct entity_rules *u) MUST_CHECK;

/* Appends assigneeIds to set: those of a task who are members of the project. */
void task_rules_keep_assignees(const bson_t *project, const bson_t *task, bson_t *set);

/* A task's new position: before or after another task of the project. */
struct task_place {
    struct change *change;
    int topic; /* index of the project's topic in the change */
    const bson_oid_t *project, *task;
    bool before;
};

/*
 * Within a change: the key of that position next to another task (task_place.c).  If keys there
 * have grown long, up to ORDER_SIDE_MAX tasks on each side get new ones, each with its event, so
 * that there is always room.
 */
enum err task_place_key(struct request *r, const struct task_place *place, const bson_t *other,
                        struct text *key) MUST_CHECK;

/*
 * Appends ?archived= and ?deleted= as a task's state (common/store/derived.h), so that it bounds an
 * index; for overdue tasks only the open ones.
 */
enum err tasks_scope_state(struct request *r, bool overdue, bson_t *filter) MUST_CHECK;

/*
 * The filter for a project's tasks that are not in the trash, by their states, so that it bounds an
 * index too.  The caller destroys it.
 */
bson_t *tasks_untrashed(const bson_oid_t *project);

#endif
