/*
 * Registrations that are completed by an email (REGISTRATION=verified).
 */
#ifndef API_V1_ACCOUNTS_USERS_H
#define API_V1_ACCOUNTS_USERS_H

#include <bson/bson.h>

#include "common/base/err.h"

#define USERS_PURPOSE "register" /* purpose of the email's one-time secret */
#define USERS_LINK_MS (24LL * 3600 * 1000)

struct request;

/*
 * Opens the account described in the one-time document, with its address confirmed, and replies
 * 204.  ERR_CONFLICT if another account has taken the address or the number since.
 */
enum err users_open(struct request *r, const bson_t *token) MUST_CHECK;

#endif
