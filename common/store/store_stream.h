/*
 * A thread's deadline for its connections.  Without it libmongoc waits for a reply as long as the
 * URI's socketTimeoutMS says, however little is left of the request's time.  Only for store*.c.
 */
#ifndef COMMON_STORE_STORE_STREAM_H
#define COMMON_STORE_STORE_STREAM_H

#include <mongoc/mongoc.h>
#include <stdint.h>

#define STORE_STREAM_GRACE_MS 250 /* after the deadline, for the server's own time-out error */

/* A client of the pool whose connections, existing and new, keep to the deadline. */
mongoc_client_t *store_stream_pop(mongoc_client_pool_t *pool);

/*
 * The time (clock_steady()) until which this thread waits for a server, not counting GRACE.  0: no
 * limit.
 */
void store_stream_deadline(int64_t until);

#endif
