/*
 * sort=rank of a search: the best matches first.
 */
#ifndef API_V1_TASKS_RANK_H
#define API_V1_TASKS_RANK_H

#include "common/store/store.h"

struct query;
struct request;

#define RANK_MAX 20000 /* matches that are compared */

/*
 * A query's `find`: gives at most query->limit tasks, those first whose titles have most of the
 * words of ?q=, then those changed last.  ERR_BAD_PARAMETER if more than RANK_MAX match.
 */
enum err rank_find(struct request *r, const struct query *query, store_each each,
                   void *arg) MUST_CHECK;

#endif
