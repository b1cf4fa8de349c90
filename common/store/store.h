/*
 * MongoDB: the only header through which the rest knows it.  A pool per
 * process, opened after fork(); a store per thread.
 */
#ifndef COMMON_STORE_STORE_H
#define COMMON_STORE_STORE_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

#define STORE_EPOCH 9 /* 8 hex digits and a NUL */

/* The schema that this version needs, and the oldest one whose programs may run beside it. */
#define STORE_SCHEMA        2
#define STORE_SCHEMA_OLDEST 2

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
    STORE__COUNT
};

/* The collections' names: for what a query says of another one. */
extern const char *const store_names[STORE__COUNT];

/*
 * most: stores taken at once.  ERR_INVALID when the URI is malformed; ERR_STORE when the names that
 * a mongodb+srv URI stands for cannot be looked up now: try again.  Both logged.
 */
enum err store_pool_open(const char *uri, const char *database, long most,
                         struct store_pool **out) MUST_CHECK;
void store_pool_close(struct store_pool *pool);

/* A connection for one thread; NULL when all are taken. */
struct store *store_take(struct store_pool *pool);
void store_give(struct store *store);

/*
 * Reads and commits fail with ERR_TOO_MUCH once the arena is over its limit: so whatever works
 * through stored data stops there, and nothing is changed.  NULL: no limit.
 */
struct arena;
void store_limit(struct store *store, const struct arena *arena);
const struct arena *store_limit_of(const struct store *store);

/*
 * Until when (clock_steady()) all that follows may take.  It becomes the server's
 * time limit of each read and commit, and until then an operation that found no
 * primary is tried again; after it all fail with ERR_BUSY, and no answer of the network is
 * waited for by this thread.  0: none, which means 5 s for each operation, tried once.
 */
void store_deadline(struct store *store, int64_t until);

int64_t store_deadline_of(const struct store *store);

/* Milliseconds until then, at most `most`; `most` when there is no deadline. */
long store_left(const struct store *store, long most);

/*
 * Can this program work with the database?  ERR_INVALID when the server is none that will do, or
 * the schema is of a later time; ERR_STORE when it cannot be reached, or taskwire-admin migrate
 * must be run first.  All logged.
 */
enum err store_check(struct store *store) MUST_CHECK;

/* One round trip to the primary. */
enum err store_ping(struct store *store) MUST_CHECK;

/* The database's epoch: renewed by a restore, so that old cursors resync. */
enum err store_epoch(struct store *store, char out[STORE_EPOCH]) MUST_CHECK;

/*
 * All below take part in the transaction if one is open.  They fail with
 * ERR_STORE, in a transaction with ERR_RETRY for what may go away by itself.
 */

/* The first match, the caller's to destroy; ERR_NOT_FOUND.  opts may be NULL. */
enum err store_get(struct store *store, enum store_name name, const bson_t *filter,
                   const bson_t *opts, bson_t **out) MUST_CHECK;

/*
 * The same, but certainly with every write that was acknowledged or has caused a
 * conflict so far, which a majority read may not show yet.  Not in a transaction.
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

/* ERR_CONFLICT when a unique index has it already. */
enum err store_insert(struct store *store, enum store_name name, const bson_t *doc) MUST_CHECK;
enum err store_insert_many(struct store *store, enum store_name name, const bson_t **docs,
                           size_t count) MUST_CHECK;

/* matched (may be NULL) gets how many documents the filter met. */
enum err store_update(struct store *store, enum store_name name, const bson_t *filter,
                      const bson_t *update, int64_t *matched) MUST_CHECK;
enum err store_replace(struct store *store, enum store_name name, const bson_t *filter,
                       const bson_t *doc, int64_t *matched) MUST_CHECK;
/* The first match, if there is one. */
enum err store_remove(struct store *store, enum store_name name, const bson_t *filter) MUST_CHECK;

/* All matches: only in a transaction (store_many.h has the others). */
enum err store_update_many(struct store *store, enum store_name name, const bson_t *filter,
                           const bson_t *update, int64_t *matched) MUST_CHECK;
enum err store_remove_many(struct store *store, enum store_name name,
                           const bson_t *filter) MUST_CHECK;

/* Only in a transaction: updates in one command, in their order; matched: of all together. */
struct store_statement {
    const bson_t *filter, *doc;
    bool whole; /* doc is the new document, not an update */
};
enum err store_update_each(struct store *store, enum store_name name,
                           const struct store_statement *statements, size_t count,
                           int64_t *matched) MUST_CHECK;

/*
 * A worker that dies within a transaction would keep its topic locked until the
 * server's time limit (60 s).  So each store notes its sessions' ids in memory
 * that outlives it, from which others end what a dead one left (api/server/txn_reaper.h).
 */
#define STORE_DOUBTS 4 /* sessions that lost their connection and are to be ended, at most */

struct store_session {
    unsigned char id[16]; /* all zero: none */
};
struct store_note {
    struct store_session sessions[1 + STORE_DOUBTS]; /* the one in use first */
};

/* Before the first transaction; the note's content is zero, and its memory lives as long as the
 * store. */
void store_notes_in(struct store *store, struct store_note *note);

/* Ends the transactions that the sessions have open; empty places are passed over. */
enum err store_end_sessions(struct store *store, const struct store_session *sessions,
                            size_t count) MUST_CHECK;

/* One transaction at a time per store, snapshot reads, majority commit. */
enum err store_begin(struct store *store) MUST_CHECK;

/*
 * From here to store_inside() nothing is part of the open transaction: what is
 * written takes effect at once, and stays if the transaction is undone.  Gives
 * what store_inside() needs.
 */
bool store_outside(struct store *store);
void store_inside(struct store *store, bool open);

/* ERR_RETRY: nothing was stored.  ERR_STORE: nobody knows. */
enum err store_commit(struct store *store) MUST_CHECK;
void store_abort(struct store *store);

/*
 * Of the transaction that was begun last: has an operation failed in it, so that the server has
 * given it up?  And was it an operation that the server would not do, conflicts not counted?
 */
bool store_failed(const struct store *store);
bool store_refused(const struct store *store);

#endif
