/*
 * The settings of every connection to MongoDB, whatever MONGODB_URI says, and which servers are
 * accepted.  Only for store*.c.
 */
#ifndef COMMON_STORE_STORE_CONNECT_H
#define COMMON_STORE_STORE_CONNECT_H

#include <mongoc/mongoc.h>

#include "common/base/err.h"

/*
 * MONGODB_URI with our concerns and time limits: majority writes and reads, primary only,
 * retryable.  The caller destroys it; NULL if it is malformed or an option is refused (logged).
 * The server's logs and currentOp() name the program (log_program()).  most: connections of the
 * pool.
 */
mongoc_uri_t *store_connect_uri(const char *text, long most);

/*
 * The options of every transaction: snapshot reads, majority commit.  The caller destroys them.
 *
 * Snapshot rather than majority, since a change reads rights and entities of several collections,
 * which must all be of one instant.  A replica set guarantees that at either level, sharded
 * collections only at this one.
 */
mongoc_transaction_opt_t *store_connect_transaction(void);

/*
 * ERR_INVALID if the server is a standalone, a secondary of another primary, or a member of a set
 * that MONGODB_URI does not name; ERR_STORE if it cannot be reached or has no primary yet.  Both
 * are logged.
 */
enum err store_connect_check(mongoc_client_t *client) MUST_CHECK;

#endif
