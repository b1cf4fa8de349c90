/*
 * A list's query, asked of the store in parts that an index serves in the list's
 * order, and merged.
 *
 * For a list over many projects the server merges one scan for each project and
 * state, but sorts in memory what would need more than 200 scans
 * (internalQueryMaxScansToExplode, MongoDB 5.0 to 8.0): so it is asked about
 * so many projects at a time.
 */
#ifndef API_CRUD_LIST_FIND_H
#define API_CRUD_LIST_FIND_H

#include <bson/bson.h>

#include "common/store/store.h"

struct query;
struct request;

/*
 * As store_find() for a filter of the query's, in its order; at most query->limit + 1 documents.
 * An order that is unindexed reads the keys of all matches, then the documents of one page.
 */
enum err list_find(struct request *r, const struct query *query, const bson_t *filter,
                   store_each each, void *arg) MUST_CHECK;

#endif
