/*
 * The indexes that serve all our queries.  Only for store*.c.
 */
#ifndef COMMON_ADMIN_STORE_INDEXES_H
#define COMMON_ADMIN_STORE_INDEXES_H

#include <mongoc/mongoc.h>
#include <stdbool.h>

#include "common/base/err.h"
#include "common/store/store.h"

/*
 * Creates a collection's missing indexes, and recreates those whose options differ from the table;
 * drops those that only earlier versions needed if `drops`.  The server builds them while it serves
 * requests.
 */
enum err store_indexes_make(mongoc_client_t *client, const char *database, enum store_name name,
                            bool drops) MUST_CHECK;

#endif
