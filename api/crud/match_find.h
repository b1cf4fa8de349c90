/*
 * Lists with a condition that no index answers: `not`, `or`, words of one field.  Following the
 * list's order, the fields that the condition needs are read for a bounded number of documents and
 * compared here; then the matches are read whole.  A server could not be told to stop after so many
 * documents: since MongoDB 4.2 a query limits only what it returns.
 */
#ifndef API_CRUD_MATCH_FIND_H
#define API_CRUD_MATCH_FIND_H

#include <stdbool.h>

#include "common/store/store.h"

struct query;
struct request;

#define MATCH_EXAMINED       1000 /* documents that one page examines at most, about */
#define MATCH_EXAMINED_HEAVY 250  /* of those with long texts */

/*
 * Gives the documents of one page: at most query->limit that match.  *more: others may follow the
 * query's position, which is then behind the last document that was examined or given; a page may
 * be short, or empty, although more follow.
 */
enum err match_find(struct request *r, struct query *query, store_each each, void *arg,
                    bool *more) MUST_CHECK;

#endif
