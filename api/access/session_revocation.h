/*
 * The sessions that ended while their access tokens still live, known to all
 * workers of a host through shared memory; a thread in each reads the log of
 * ended sessions (common/change/revocation.h) several times a second.  So revocation
 * needs no look-up in the requests' way, no Redis and nobody's clock.
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

/* In each worker: reads what has ended, and starts the thread, which keeps a store. */
void session_revocation_watch(struct session_revocation *revocation, struct store_pool *pool);

/* The log has been read as far as it goes. */
void session_revocation_read(struct session_revocation *revocation);

/* Has the log been read since this host's start?  Until then nobody can be let in. */
bool session_revocation_known(struct session_revocation *revocation);

/* Whose an access token is. */
struct session_revocation_token {
    const bson_oid_t *user, *session;
    int64_t generation;
};

/* Is the token's session one that has ended? */
bool session_revocation_has(struct session_revocation *revocation,
                            const struct session_revocation_token *token);

/* An entry of the log: read there, or committed just now by this worker. */
void session_revocation_add(struct session_revocation *revocation, const struct revocation *r);

#endif
