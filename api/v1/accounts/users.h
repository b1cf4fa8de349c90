/*
 * Registrations that wait for their letter (REGISTRATION=verified).
 */
#ifndef API_V1_ACCOUNTS_USERS_H
#define API_V1_ACCOUNTS_USERS_H

#include <bson/bson.h>

#include "common/base/err.h"

#define USERS_PURPOSE "register" /* of the letter's one-time secret */
#define USERS_LINK_MS (24LL * 3600 * 1000)

struct request;

/*
 * Opens the account that the one-time document holds, with its address
 * confirmed, and replies 204.  ERR_CONFLICT when the address or the number has
 * got another account since.
 */
enum err users_open(struct request *r, const bson_t *token) MUST_CHECK;

#endif
