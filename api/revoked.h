/*
 * The sessions that ended while their access tokens still live, known to all
 * workers of a host through shared memory; a thread in each reads the log of
 * ended sessions (common/revocation.h) several times a second.  So revocation
 * needs no look-up in the requests' way, no Redis and nobody's clock.
 */
#ifndef API_REVOKED_H
#define API_REVOKED_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

struct revocation;
struct revoked;
struct store_pool;

/* Before fork(). */
struct revoked *revoked_new(void);

/* In each worker: reads what has ended, and starts the thread, which keeps a store. */
void revoked_watch(struct revoked *revoked, struct store_pool *pool);

/* The log has been read as far as it goes. */
void revoked_read(struct revoked *revoked);

/* Has the log been read since this host's start?  Until then nobody can be let in. */
bool revoked_known(struct revoked *revoked);

/* Whose an access token is. */
struct revoked_token {
    const bson_oid_t *user, *session;
    int64_t generation;
};

/* Is the token's session one that has ended? */
bool revoked_has(struct revoked *revoked, const struct revoked_token *token);

/* An entry of the log: read there, or committed just now by this worker. */
void revoked_add(struct revoked *revoked, const struct revocation *r);

#endif
