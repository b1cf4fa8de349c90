/*
 * Documents of an open transaction, by _id: read once, and written together.  What is inserted and
 * replaced here is seen by store_gather_get() at once; the database gets it, one command for each
 * collection and kind, when the transaction is committed, or before any other operation within it.
 * So every operation sees what came before it.
 */
#ifndef COMMON_STORE_STORE_GATHER_H
#define COMMON_STORE_STORE_GATHER_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/store/store.h"

/* The document, the caller's to destroy; ERR_NOT_FOUND.  Outside a transaction it is just read. */
enum err store_gather_get(struct store *store, enum store_name name, const bson_oid_t *id,
                          bson_t **out) MUST_CHECK;

/* Reads those of the documents that are not here yet, by one command; for store_gather_get(). */
enum err store_gather_read(struct store *store, enum store_name name, const bson_oid_t *ids,
                           size_t count) MUST_CHECK;

/* A document as it was read before the transaction; whoever replaces it finds out if it is old. */
void store_gather_seen(struct store *store, enum store_name name, const bson_t *doc);

/*
 * Only in a transaction.  replace: of the document with this id and rev; when the database has
 * another rev, the flush fails with ERR_RETRY.  The doc is copied.
 */
void store_gather_insert(struct store *store, enum store_name name, const bson_t *doc);
void store_gather_replace(struct store *store, enum store_name name, int64_t rev,
                          const bson_t *doc);

/* Sends what has not been sent.  As the writes themselves; ERR_RETRY see above. */
enum err store_gather_flush(struct store *store) MUST_CHECK;

/* A place in the transaction, and the way back to it. */
struct store_mark {
    size_t gathered, bytes;
    unsigned long sent;
};
struct store_mark store_gather_mark(const struct store *store);

/* Forgets all writes since the mark; false: some were sent, so only the whole can be undone. */
bool store_gather_undo(struct store *store, const struct store_mark *mark) MUST_CHECK;

/* Bytes of the documents that this transaction holds. */
size_t store_gather_bytes(const struct store *store);

/* For store*.c: before another write to a collection; at a transaction's ends; for good. */
enum err store_gather_before(struct store *store, enum store_name name) MUST_CHECK;
void store_gather_clear(struct store *store);
void store_gather_free(struct store *store);

#endif
