/*
 * MongoDB: the only header that the rest of the code uses for it.  One pool per process, opened
 * after fork(); one store per thread.
 */
#ifndef COMMON_STORE_STORE_H
#define COMMON_STORE_STORE_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

#define STORE_EPOCH 9 /* 8 hex digits and a NUL */

/*
 * The schema version that these programs need, and the oldest one whose programs may run at the
 * same time.
 */
#define STORE_SCHEMA        6
#define STORE_SCHEMA_OLDEST 2

#define STORE_COUNTED "counted" /* in a document: how often its counters have changed */

struct store_pool;
struct store;

enum store_name {
    STORE_META,
    STORE_TOPICS,
    STORE_USERS,
    STORE_SESSIONS,
    STORE_TOKENS,
    STORE_PROJECTS,
    STORE_TASKS,
    STORE_COMMENTS,
    STORE_EVENTS,
    STORE_IDEMPOTENCY,
    STORE_JOBS,
    STORE_THROTTLES,
    STORE_NOTIFICATIONS,
    STORE_REVOCATIONS,
    STORE_INVITATIONS,
    STORE_ATTACHMENTS,
    STORE_FILES, /* this and the next two: store_files.h */
    STORE_CHUNKS,
    STORE_UPLOADS,
    STORE_FILTERS,
    STORE_LINKS,
    STORE_SUBSCRIPTIONS,
    STORE_USER_JOBS,
    STORE__COUNT
};

/* The collections' names, for queries that refer to another collection. */
extern const char *const store_names[STORE__COUNT];

/*
 * most: how many stores can be taken at once.  ERR_INVALID if the URI is malformed; ERR_STORE if
 * the names of a mongodb+srv URI cannot be resolved now, but may be later.  Both are logged.
 */
enum err store_pool_open(const char *uri, const char *database, long most,
                         struct store_pool **out) MUST_CHECK;
void store_pool_close(struct store_pool *pool);

/* A connection for one thread; NULL when all are taken. */
struct store *store_take(struct store_pool *pool);
void store_give(struct store *store);

/*
 * Reads and commits fail with ERR_TOO_MUCH once the arena is over its limit, so that code that
 * works through stored data stops there and changes nothing.  NULL: no limit.
 */
struct arena;
void store_limit(struct store *store, const struct arena *arena);
const struct arena *store_limit_of(const struct store *store);

/*
 * The time (clock_steady()) by which all following operations must end.  It sets the server's time
 * limit for each read and commit.  Until then an operation that found no primary is tried again;
 * afterwards all operations fail with ERR_BUSY, and this thread no longer waits for replies from
 * the network.  0: no deadline; then each operation is tried once and may take 5 s.
 */
void store_deadline(struct store *store, int64_t until);

int64_t store_deadline_of(const struct store *store);

/* Milliseconds until the deadline, at most `most`; `most` if there is no deadline. */
long store_left(const struct store *store, long most);

/*
 * Can this program work with the database?  ERR_INVALID if the server is of an unsupported kind or
 * the schema is newer than the program; ERR_STORE if it cannot be reached, or taskwire-admin
 * migrate must be run first.  All are logged.
 */
enum err store_check(struct store *store) MUST_CHECK;

/* One round trip to the primary. */
enum err store_ping(struct store *store) MUST_CHECK;

/* The database's epoch: renewed by a restore, so that old cursors resync. */
enum err store_epoch(struct store *store, char out[STORE_EPOCH]) MUST_CHECK;

/*
 * All functions below take part in the transaction if one is open.  They fail with ERR_STORE, or
 * within a transaction with ERR_RETRY if the cause may be temporary.
 */

/* The first match, the caller's to destroy; ERR_NOT_FOUND.  opts may be NULL. */
enum err store_get(struct store *store, enum store_name name, const bson_t *filter,
                   const bson_t *opts, bson_t **out) MUST_CHECK;

/*
 * The same, but includes every write that was acknowledged or has caused a conflict so far, which a
 * majority read may not show yet.  Not in a transaction.
 */
enum err store_get_newest(struct store *store, enum store_name name, const bson_t *filter,
                          bson_t **out) MUST_CHECK;

/* Calls each(arg, doc) for every match until it fails; doc lives for the call. */
typedef enum err (*store_each)(void *arg, const bson_t *doc);
struct store_query {
    enum store_name name;
    const bson_t *filter, *opts; /* opts NULL: none */
};
enum err store_find(struct store *store, const struct store_query *query, store_each each,
                    void *arg) MUST_CHECK;

/* The results of an aggregation. */
enum err store_aggregate(struct store *store, enum store_name name, const bson_t *pipeline,
                         store_each each, void *arg) MUST_CHECK;

/* ERR_CONFLICT when a unique index already has the value. */
enum err store_insert(struct store *store, enum store_name name, const bson_t *doc) MUST_CHECK;
enum err store_insert_many(struct store *store, enum store_name name, const bson_t **docs,
                           size_t count) MUST_CHECK;

/* *matched (may be NULL) is how many documents matched the filter. */
enum err store_update(struct store *store, enum store_name name, const bson_t *filter,
                      const bson_t *update, int64_t *matched) MUST_CHECK;
enum err store_replace(struct store *store, enum store_name name, const bson_t *filter,
                       const bson_t *doc, int64_t *matched) MUST_CHECK;
/* Removes the first match, if there is one. */
enum err store_remove(struct store *store, enum store_name name, const bson_t *filter) MUST_CHECK;

/* All matches; only in a transaction (outside one see store_many.h). */
enum err store_update_many(struct store *store, enum store_name name, const bson_t *filter,
                           const bson_t *update, int64_t *matched) MUST_CHECK;
enum err store_remove_many(struct store *store, enum store_name name,
                           const bson_t *filter) MUST_CHECK;

/* Only in a transaction: several updates in one command, run in order; *matched is their total. */
struct store_statement {
    const bson_t *filter, *doc;
    bool whole; /* doc is the new document, not an update */
};
enum err store_update_each(struct store *store, enum store_name name,
                           const struct store_statement *statements, size_t count,
                           int64_t *matched) MUST_CHECK;

/*
 * A worker that dies within a transaction would keep its topics locked until the server's time
 * limit (60 s).  So each store notes the ids of its sessions in memory that outlives the process,
 * and another process ends what a dead one left open (api/server/txn_reaper.h).
 */
#define STORE_DOUBTS 4 /* most sessions with a lost connection that wait to be ended */

struct store_session {
    unsigned char id[16]; /* all zero: none */
};
struct store_note {
    struct store_session sessions[1 + STORE_DOUBTS]; /* the one in use first */
};

/*
 * Call before the first transaction.  The note must be zeroed, and its memory must live as long as
 * the store.
 */
void store_notes_in(struct store *store, struct store_note *note);

/* Ends the open transactions of the sessions; empty entries are skipped. */
enum err store_end_sessions(struct store *store, const struct store_session *sessions,
                            size_t count) MUST_CHECK;

/* Begins a transaction with snapshot reads and majority commit; one at a time per store. */
enum err store_begin(struct store *store) MUST_CHECK;

/*
 * Operations between this call and store_inside() are not part of the open transaction: their
 * writes take effect at once and stay if the transaction is aborted.  Returns what store_inside()
 * needs.
 */
bool store_outside(struct store *store);
void store_inside(struct store *store, bool open);

/* ERR_RETRY: nothing was stored.  ERR_STORE: the result is unknown. */
enum err store_commit(struct store *store) MUST_CHECK;
void store_abort(struct store *store);

/*
 * About the last transaction: did an operation in it fail, so that the server has aborted it?  And
 * did the server refuse an operation, other than because of a conflict?
 */
bool store_failed(const struct store *store);
bool store_refused(const struct store *store);

#endif
