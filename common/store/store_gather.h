/*
 * Documents of an open transaction, by _id: read once, and written together. store_gather_get()
 * sees at once what was inserted or replaced here.  It is sent to the database, in one command for
 * each collection and kind, when the transaction is committed, or before any other operation within
 * it, so that every operation sees the writes before it.
 */
#ifndef COMMON_STORE_STORE_GATHER_H
#define COMMON_STORE_STORE_GATHER_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/store/store.h"

/*
 * The document, which the caller destroys; ERR_NOT_FOUND.  Outside a transaction it is simply read.
 */
enum err store_gather_get(struct store *store, enum store_name name, const bson_oid_t *id,
                          bson_t **out) MUST_CHECK;

/* Reads the documents that are not here yet with one command, for store_gather_get(). */
enum err store_gather_read(struct store *store, enum store_name name, const bson_oid_t *ids,
                           size_t count) MUST_CHECK;

/* Adds a document that was read before the transaction.  If it is stale, a replacement fails. */
void store_gather_seen(struct store *store, enum store_name name, const bson_t *doc);

/* Has store_gather_get() given out such a document in this transaction? */
bool store_gather_used_seen(const struct store *store);

/*
 * Only in a transaction. replace: the document with this id and rev; if the database has another
 * rev, the flush fails with ERR_RETRY.  Of a document that is here, only the fields that differ are
 * sent.  The doc is copied.
 */
void store_gather_insert(struct store *store, enum store_name name, const bson_t *doc);
void store_gather_replace(struct store *store, enum store_name name, int64_t rev,
                          const bson_t *doc);

/* Sends all unsent writes.  Errors are those of the writes, and ERR_RETRY as above. */
enum err store_gather_flush(struct store *store) MUST_CHECK;

/* A point in the transaction to which its writes can be undone. */
struct store_mark {
    size_t gathered, bytes;
    unsigned long sent;
};
struct store_mark store_gather_mark(const struct store *store);

/*
 * Undoes all writes since the mark; false: some were sent, so only the whole transaction can be
 * undone.
 */
bool store_gather_undo(struct store *store, const struct store_mark *mark) MUST_CHECK;

/* Bytes of the documents that this transaction holds. */
size_t store_gather_bytes(const struct store *store);

/*
 * For store*.c: to call before another write to a collection; when a transaction begins or ends;
 * when the store is freed.
 */
enum err store_gather_before(struct store *store, enum store_name name) MUST_CHECK;
void store_gather_clear(struct store *store);
void store_gather_free(struct store *store);

#endif
