/*
 * A thread's deadline for its connections: libmongoc waits for an answer as long as the URI's
 * socketTimeoutMS says, whatever is left of the request's time.  For store*.c alone.
 */
#ifndef COMMON_STORE_STORE_STREAM_H
#define COMMON_STORE_STORE_STREAM_H

#include <mongoc/mongoc.h>
#include <stdint.h>

#define STORE_STREAM_GRACE_MS                                                                      \
    250 /* after the deadline, for the server's own word that time is up */

/* A client of the pool whose connections, old ones and new ones, keep to the deadline. */
mongoc_client_t *store_stream_pop(mongoc_client_pool_t *pool);

/* Until when (clock_steady()) this thread waits for a server, GRACE not counted.  0: no limit. */
void store_stream_deadline(int64_t until);

#endif
