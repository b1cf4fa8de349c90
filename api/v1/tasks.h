/*
 * What the task's other files share.
 */
#ifndef API_V1_TASKS_H
#define API_V1_TASKS_H

#include <bson/bson.h>

#include "api/field.h"
#include "common/text.h"

extern const struct shape task_shape;
extern const struct field task_fields[];

/* The cross-field rules (task_rules.c); as struct resource's check. */
enum err task_rules(struct request *r, struct change *change, const bson_t *project,
                    const bson_t *before, const bson_t *after, bson_t *extra) MUST_CHECK;

/* Where a task goes: before or after another one of the project. */
struct task_place {
    struct change *change;
    int topic; /* of the project, in the change */
    const bson_oid_t *project, *task;
    bool before;
};

/*
 * Within a change: the key of that place next to another task (task_place.c).
 * When keys there have grown long, up to ORDER_SIDE_MAX tasks on each side get
 * new ones, each with its event, so that there is always room.
 */
enum err task_place_key(struct request *r, const struct task_place *place, const bson_t *other,
                        struct text *key) MUST_CHECK;

/* ?q= as conditions on terms, appended to a filter's $and-able members. */
enum err search_filter(struct request *r, const char *q, bson_t *filter) MUST_CHECK;

#endif
