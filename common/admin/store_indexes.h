/*
 * The indexes that every question of ours is served by.  For store*.c alone.
 */
#ifndef COMMON_ADMIN_STORE_INDEXES_H
#define COMMON_ADMIN_STORE_INDEXES_H

#include <mongoc/mongoc.h>
#include <stdbool.h>

#include "common/base/err.h"
#include "common/store/store.h"

/*
 * Makes what a collection lacks, and makes anew what has other options than the table; drops
 * those that earlier versions needed if `drops`.  The server builds them while it serves.
 */
enum err store_indexes_make(mongoc_client_t *client, const char *database, enum store_name name,
                            bool drops) MUST_CHECK;

#endif
