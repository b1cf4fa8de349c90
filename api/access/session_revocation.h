/*
 * The sessions that ended while their access tokens are still valid, known to all workers of a host
 * through shared memory.  A thread in each worker reads the log of ended sessions
 * (common/change/revocation.h) several times a second, so checking a request needs no query, no
 * Redis and no host's clock.
 */
#ifndef API_ACCESS_SESSION_REVOCATION_H
#define API_ACCESS_SESSION_REVOCATION_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

struct revocation;
struct session_revocation;
struct store_pool;

/* Before fork(). */
struct session_revocation *session_revocation_new(void);

/*
 * To be called in each worker: reads which sessions have ended, and starts the thread, which keeps
 * a store.
 */
void session_revocation_watch(struct session_revocation *revocation, struct store_pool *pool);

/* To be called when the log has been read to its end. */
void session_revocation_read(struct session_revocation *revocation);

/* Has the log been read since this host started?  Until then no request can be accepted. */
bool session_revocation_known(struct session_revocation *revocation);

/* The owner of an access token. */
struct session_revocation_token {
    const bson_oid_t *user, *session;
    int64_t generation;
};

/* Has the token's session ended? */
bool session_revocation_has(struct session_revocation *revocation,
                            const struct session_revocation_token *token);

/* Adds an entry of the log: read from it, or just committed by this worker. */
void session_revocation_add(struct session_revocation *revocation, const struct revocation *r);

#endif
