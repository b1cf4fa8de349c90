/*
 * Which user a session belongs to: hello, renewed tokens, revocation.
 */
#ifndef PUSH_CLIENTS_AUTH_H
#define PUSH_CLIENTS_AUTH_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/id.h"
#include "push/base/wire.h"

struct config;
struct session;
struct topic;

void auth_open(const struct config *config);

/* op hello: checks the token, then watches the user's topic, then asks the database. */
enum wire_error auth_hello(struct session *s, const struct wire_in *in);

/* The same for a token from the upgrade's Authorization header. */
void auth_token(struct session *s, const char *token, size_t len);

/* op token: a newer token of the same session. */
enum wire_error auth_renew(struct session *s, const struct wire_in *in);

/* A user's topic is READY: its sessions can be checked. */
void auth_topic_ready(struct topic *topic);

/* A login session of that user has ended: its sockets are closed. */
void auth_session_ended(struct topic *topic, const unsigned char sid[ID_BYTES]);

/* The database was restored: for sessions that are READY it may be that they have ended. */
void auth_new_epoch(void);

/*
 * All login sessions of that user that were opened under that generation of credentials or an
 * older one have ended, except the one that was kept (all zero: none).
 */
void auth_generation_ended(struct topic *topic, int64_t ended, const unsigned char kept[ID_BYTES]);

/* Once a second: tries again for those that could not be checked. */
void auth_tick(void);

void auth_close(void);

#endif
