/*
 * Runs a list's query in parts that an index serves in the list's order, and merges the results.
 *
 * For a list over many projects the server merges one scan for each project and state, but if that
 * would need more than 200 scans (internalQueryMaxScansToExplode, MongoDB 5.0 to 8.0), it sorts in
 * memory.  So each query names only as many projects as stay below that limit.
 */
#ifndef API_CRUD_LIST_FIND_H
#define API_CRUD_LIST_FIND_H

#include <bson/bson.h>
#include <stdbool.h>

#include "common/store/store.h"

struct query;
struct request;

/*
 * Like store_find() for a filter of the query, in its order, from its cursor on; at most
 * query->limit + 1 documents.
 * For an unindexed order it reads the keys of all matches, then the documents of one page.
 */
enum err list_find(struct request *r, const struct query *query, const bson_t *filter,
                   store_each each, void *arg) MUST_CHECK;

/* Does list_find() with the query's filter give documents before it has read the others? */
bool list_find_streams(const struct query *query);

#endif
