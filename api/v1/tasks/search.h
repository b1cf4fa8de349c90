/*
 * ?q= of a list of tasks, and lists that few tasks match.
 */
#ifndef API_V1_TASKS_SEARCH_H
#define API_V1_TASKS_SEARCH_H

#include <bson/bson.h>

#include "common/base/err.h"

struct query;
struct request;

/* ?q= as conditions on terms, appended to a filter's $and-able members. */
enum err search_filter(struct request *r, const char *q, bson_t *filter) MUST_CHECK;

/*
 * The list's `narrow`.  A search, or a due time with another order, uses an index that does not
 * have the order.  If it matches at most SEARCH_FOUND tasks, their ids are put into the filter, and
 * the store sorts these few.  If it matches more, following the order's index finds the next page
 * soon.
 */
#define SEARCH_FOUND 500
enum err search_narrow(struct request *r, struct query *query) MUST_CHECK;

#endif
