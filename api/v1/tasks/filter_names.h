/*
 * What the names in a filter stand for.
 */
#ifndef API_V1_TASKS_FILTER_NAMES_H
#define API_V1_TASKS_FILTER_NAMES_H

#include <bson/bson.h>

#include "common/base/err.h"

struct filter_tree;
struct request;

/*
 * Finds the projects, labels, statuses and people that a filter names, in the projects of `scope`
 * ({projectId: id or {$in: ids}}); people are their members.  Each name that nothing has becomes
 * an item of r->warnings: {position, field, name}.
 */
enum err filter_names_resolve(struct request *r, struct filter_tree *filter,
                              const bson_t *scope) MUST_CHECK;

#endif
