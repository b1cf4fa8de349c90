/*
 * What a connection to MongoDB asks for, whatever MONGODB_URI says, and which
 * servers are accepted.  For store*.c alone.
 */
#ifndef COMMON_STORE_STORE_CONNECT_H
#define COMMON_STORE_STORE_CONNECT_H

#include <mongoc/mongoc.h>

#include "common/base/err.h"

/*
 * MONGODB_URI with our concerns and time limits: majority writes and reads,
 * primary only, retryable.  The caller's to destroy; NULL when it is malformed
 * or an option is refused (logged).  most: connections of the pool.
 */
mongoc_uri_t *store_connect_uri(const char *text, long most);

/*
 * For every transaction: snapshot reads, majority commit.  The caller's to destroy.
 *
 * Snapshot rather than majority, since a change reads rights and entities of
 * several collections and they must be of one instant.  A replica set gives that
 * at any level; sharded collections only at this one.
 */
mongoc_transaction_opt_t *store_connect_transaction(void);

/*
 * ERR_INVALID when the server is a standalone, a secondary of another primary, or
 * a member of a set that MONGODB_URI does not name; ERR_STORE when it cannot be
 * reached or has no primary yet.  Both logged.
 */
enum err store_connect_check(mongoc_client_t *client) MUST_CHECK;

#endif
