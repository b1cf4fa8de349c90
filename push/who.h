/*
 * Who a session is: hello, renewed tokens, revocation.
 */
#ifndef PUSH_WHO_H
#define PUSH_WHO_H

#include <stddef.h>

#include "push/wire.h"

struct config;
struct session;
struct topic;

void who_open(const struct config *config);

/* op hello: checks the token, then watches the user's topic, then asks the database. */
enum wire_error who_hello(struct session *s, const struct wire_in *in);

/* The same for a token from the upgrade's Authorization header. */
void who_token(struct session *s, const char *token, size_t len);

/* op token: a newer token of the same session. */
enum wire_error who_renew(struct session *s, const struct wire_in *in);

/* A user's topic is READY: its sessions can be checked. */
void who_topic_ready(struct topic *topic);

/* A session of that user has ended: so do its sockets. */
void who_revoked(struct topic *topic, const unsigned char sid[12]);

/* The database was restored: sessions that are READY may have ended in it. */
void who_new_epoch(void);

/*
 * All sessions of that user have ended that were opened under that generation of
 * credentials or an older one, but the one that was kept (all zero: none).
 */
void who_generation_ended(struct topic *topic, int64_t ended, const unsigned char kept[12]);

/* Asks again for those that could not be checked. */
void who_tick(void);

void who_close(void);

#endif
