/*
 * What the files store*.c share.
 */
#ifndef COMMON_STORE_STORE_INSIDE_H
#define COMMON_STORE_STORE_INSIDE_H

#include <mongoc/mongoc.h>
#include <pthread.h>
#include <stdbool.h>

#include "common/store/store.h"

struct gathered;

struct store_pool {
    mongoc_client_pool_t *pool;
    char *database;
    struct store_clock *clock; /* NULL: the server's time is not asked for */
    pthread_mutex_t lock;      /* for the list, and for the doubts in the stores' notes */
    struct store *taken;
};

struct store {
    struct store_pool *pool;
    struct store *next; /* in the list of taken stores */
    mongoc_client_t *client;
    mongoc_collection_t *collections[STORE__COUNT];
    mongoc_client_session_t *session;
    mongoc_transaction_opt_t *transaction;
    bool open;                 /* a transaction is open */
    bool doubtful;             /* and the server may keep it open after we abandon it */
    bool failed, refused;      /* store_failed(), store_refused() */
    struct gathered *gathered; /* store_gather.h: documents of the open transaction */
    size_t gathered_count, gathered_size, gathered_bytes;
    bool seen_used; /* store_gather_get() gave out a document from before the transaction */
    unsigned long sent; /* writes of this transaction that were not gathered */
    bool flushing;
    bson_t *in_session;      /* {sessionId: ...}, for the opts of its commands */
    struct store_note *note; /* own_note unless store_notes_in() set another */
    struct store_note own_note;
    const struct arena *limit; /* NULL: none */
    int64_t deadline;          /* of clock_steady(); 0: none */
};

/*
 * Translates an error for the caller; logs details that only the library knows.  ERR_BUSY: the
 * server ended an operation outside a transaction because its time was up.
 */
enum err store_error(struct store *store, enum store_name name, const bson_error_t *error,
                     const bson_t *reply);

/* Is the request's memory over its limit? */
bool store_over_limit(const struct store *store);

/*
 * After a failed operation outside a transaction: true if it did not happen and may be tried again;
 * waits before it returns, since there may be a primary before the deadline.  A read may be
 * repeated even if it did happen.
 */
bool store_wait(struct store *store, int *tries, const bson_error_t *error, bool read);

/*
 * Drops the session.  What it left open in the database is ended before the store's next
 * transaction, or by store_end_doubts().
 */
void store_end_session(struct store *store);

/*
 * Ends what the sessions of all stores of a pool left open; what fails is tried again by the next
 * call.
 */
void store_end_doubts(struct store_pool *pool, mongoc_client_t *client);

#endif
