/*
 * Contents of files, in the layout of GridFS: a document in fs.files for each content, and its
 * bytes in fs.chunks.  Any program that speaks GridFS can read them.
 *
 * The driver's own mongoc_gridfs_bucket (1.23) is not used: it reads chunks without a time limit,
 * its writes take part in no transaction, and it removes a file by a delete that the driver does
 * not retry.
 *
 * A content is stored once, however often it is referred to: fs.files counts the references in
 * metadata.refs, in the transaction that makes or removes one.  `uploads` has the ids of all
 * contents that have chunks but no document in fs.files, because they are still being written or
 * are no longer used, and when store_files_sweep() is to remove them.  So a content is either used
 * or listed there, whatever process dies when.
 */
#ifndef COMMON_STORE_STORE_FILES_H
#define COMMON_STORE_STORE_FILES_H

#include <bson/bson.h>
#include <stddef.h>
#include <stdint.h>

#include "common/store/store.h"

#define STORE_FILES_CHUNK 261120                  /* bytes: the default of the specification */
#define STORE_FILES_PIECE (2 * STORE_FILES_CHUNK) /* written or read by one command */

/* A content that is being written. */
struct store_file {
    bson_oid_t id;
    int64_t length;  /* so far */
    char sha256[65]; /* set by the caller before store_files_keep() */
};

/* Begins a content without bytes. */
enum err store_files_begin(struct store *store, struct store_file *file) MUST_CHECK;

/*
 * Appends a piece of STORE_FILES_PIECE bytes; only the last may be shorter.  In a transaction of
 * its own, which also postpones the removal: ERR_BUSY if two minutes passed since the last piece
 * and the content has been removed.
 */
enum err store_files_add(struct store *store, struct store_file *file, const char *bytes,
                         size_t len) MUST_CHECK;

/* Gives a content up that was not kept; it is removed by the next sweep. */
void store_files_drop(struct store *store, const struct store_file *file);

/*
 * The following three, only in a transaction.  keep: *kept is the content to refer to, this one or
 * an equal one that exists already; then this one must be dropped after the commit.  ERR_BUSY as
 * above.  share: one more reference to a content.  release: one fewer; after the last one it is
 * removed, but not before those who are reading it have finished (15 minutes).
 */
enum err store_files_keep(struct store *store, const struct store_file *file,
                          bson_oid_t *kept) MUST_CHECK;
enum err store_files_share(struct store *store, const bson_oid_t *id) MUST_CHECK;
enum err store_files_release(struct store *store, const bson_oid_t *id) MUST_CHECK;

/*
 * Calls each with the bytes of the chunks of one piece, in order; piece: 0, 1, ...  ERR_INTERNAL,
 * logged, if a chunk is missing.
 */
typedef enum err (*store_files_each)(void *arg, const char *bytes, size_t len);
enum err store_files_read(struct store *store, const bson_oid_t *id, int64_t piece,
                          store_files_each each, void *arg) MUST_CHECK;

/* Removes the contents that are due, at most 100.  Any number of programs may do so at once. */
enum err store_files_sweep(struct store *store) MUST_CHECK;

#endif
