/*
 * Moving comments with their task.
 */
#ifndef API_V1_TASKS_COMMENTS_H
#define API_V1_TASKS_COMMENTS_H

#include <bson/bson.h>

#include "common/base/err.h"

struct change;
struct request;

/*
 * Within the change that moves tasks (an array of ids) to another project: moves their comments
 * too.  They have no events of their own: task.moved covers them, and /v1/sync sends them with the
 * task.
 */
enum err comments_move(struct request *r, struct change *change, const bson_t *tasks_moved,
                       const bson_t *project) MUST_CHECK;

#endif
