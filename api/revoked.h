/*
 * The sessions that ended while their access tokens still live.  A thread asks
 * the database for the newest of them several times a second, so revocation
 * needs no look-up in the requests' way and no Redis.
 */
#ifndef API_REVOKED_H
#define API_REVOKED_H

#include <bson/bson.h>
#include <stdbool.h>

struct revoked;
struct store_pool;

/* Starts the thread; it takes a store of its own from the pool. */
struct revoked *revoked_open(struct store_pool *pool);

/* Has the session ended? */
bool revoked_has(struct revoked *revoked, const bson_oid_t *session);

/* This process ended it just now. */
void revoked_add(struct revoked *revoked, const bson_oid_t *session);

#endif
