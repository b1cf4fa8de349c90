/*
 * Writes of many documents outside a change, in transactions of their own: a
 * multi-document update or delete by itself is not retried by the driver, so a
 * broken connection would leave it half done without anybody's knowing.
 */
#ifndef COMMON_STORE_STORE_MANY_H
#define COMMON_STORE_STORE_MANY_H

#include "common/store/store.h"

/* All or nothing; for filters that match few documents. */
enum err store_many_update(struct store *store, enum store_name name, const bson_t *filter,
                           const bson_t *update) MUST_CHECK;

/*
 * Any number, 500 at a time.  After an error some are gone; repeating it removes
 * the others.
 */
enum err store_many_remove(struct store *store, enum store_name name,
                           const bson_t *filter) MUST_CHECK;

#endif
