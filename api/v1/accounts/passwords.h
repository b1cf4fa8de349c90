/*
 * Checks of passwords that users choose, and the change of a password.
 */
#ifndef API_V1_ACCOUNTS_PASSWORDS_H
#define API_V1_ACCOUNTS_PASSWORDS_H

#include <bson/bson.h>

#include "api/account/credentials.h"
#include "common/base/err.h"

#define RESET_MS (30LL * 60 * 1000) /* how long the token of a forgotten password is valid */

struct request;
struct change;

/*
 * Complains, at a pointer, about a password that is too common or little more than the user's name
 * or address (name, email; NULL: none).
 */
void passwords_validate(struct request *r, const char *pointer, const char *password,
                        const bson_t *who);

/*
 * Within a change: a credential event that sets a new password and the fields of `more`, and an
 * email about it.
 */
enum err passwords_set(struct credential_event *e, struct change *change, const bson_t *user,
                       const char *hash, const char *more) MUST_CHECK;

#endif
