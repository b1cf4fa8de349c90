/*
 * Writes of many documents outside a change, in transactions of their own.  The driver does not
 * retry a multi-document update or delete outside a transaction, so a broken connection could leave
 * it half done unnoticed.
 */
#ifndef COMMON_STORE_STORE_MANY_H
#define COMMON_STORE_STORE_MANY_H

#include "common/store/store.h"

/* All or none; for filters that match few documents. */
enum err store_many_update(struct store *store, enum store_name name, const bson_t *filter,
                           const bson_t *update) MUST_CHECK;

/*
 * Any number, 500 at a time.  After an error some are removed; calling it again removes the others.
 */
enum err store_many_remove(struct store *store, enum store_name name,
                           const bson_t *filter) MUST_CHECK;

#endif
