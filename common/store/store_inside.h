/*
 * What store*.c share of a connection.
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
    pthread_mutex_t lock;      /* for the list, and for the doubts in its notes */
    struct store *taken;
};

struct store {
    struct store_pool *pool;
    struct store *next; /* of those that are taken */
    mongoc_client_t *client;
    mongoc_collection_t *collections[STORE__COUNT];
    mongoc_client_session_t *session;
    mongoc_transaction_opt_t *transaction;
    bool open;                 /* a transaction is open */
    bool doubtful;             /* and the server may keep it open when we give it up */
    bool failed, refused;      /* store_failed(), store_refused() */
    struct gathered *gathered; /* store_gather.h: documents of the open transaction */
    size_t gathered_count, gathered_size, gathered_bytes;
    unsigned long sent; /* writes of this transaction that were not gathered */
    bool flushing;
    bson_t *in_session;      /* {sessionId: ...}, for the opts of its commands */
    struct store_note *note; /* own_note where nobody else asked for it */
    struct store_note own_note;
    const struct arena *limit; /* NULL: none */
    int64_t deadline;          /* of clock_steady(); 0: none */
};

/* What an error means for the caller; logs what only the library can tell. */
enum err store_judge(struct store *store, enum store_name name, const bson_error_t *error,
                     const bson_t *reply);

/* Is the request's memory over its limit? */
bool store_over_limit(const struct store *store);

/*
 * After a failed operation outside a transaction: true when it did not happen
 * and may be done again, after a pause, since a primary may come before the
 * deadline.  A read may also be repeated when it did happen.
 */
bool store_wait(struct store *store, int *tries, const bson_error_t *error, bool read);

/*
 * Forgets the session; what it left open in the database is ended before the store's next
 * transaction, or by store_end_doubts().
 */
void store_end_session(struct store *store);

/* Ends what the sessions of all stores of a pool have left open; tried again by the next call. */
void store_end_doubts(struct store_pool *pool, mongoc_client_t *client);

#endif
