/*
 * Passwords that people choose, and what changes when they do.
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
 * Complains at a pointer of a password that is too common, or that is
 * little more than the name or the address of who (name, email; NULL: nobody).
 */
void passwords_judge(struct request *r, const char *pointer, const char *password,
                     const bson_t *who);

/*
 * Within a change: a credential event that gives the user a new one, and a letter
 * that says so and `more`.
 */
enum err passwords_set(struct credential_event *e, struct change *change, const bson_t *user,
                       const char *hash, const char *more) MUST_CHECK;

#endif
