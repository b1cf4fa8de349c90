/*
 * The sessions that ended while their access tokens still live, known to all
 * workers of a host at once through shared memory; a thread asks the database
 * for other hosts' several times a second.  So revocation needs no look-up in
 * the requests' way and no Redis.
 */
#ifndef API_REVOKED_H
#define API_REVOKED_H

#include <bson/bson.h>
#include <stdbool.h>

struct revoked;
struct store_pool;

/* Before fork(). */
struct revoked *revoked_new(void);

/* In each worker: reads what has ended, and starts the thread, which keeps a store. */
void revoked_watch(struct revoked *revoked, struct store_pool *pool);

/* Has the session ended? */
bool revoked_has(struct revoked *revoked, const bson_oid_t *session);

/* It ended just now. */
void revoked_add(struct revoked *revoked, const bson_oid_t *session);

#endif
