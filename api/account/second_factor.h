/*
 * An account's second factor: codes from an authenticator app, and recovery codes.
 */
#ifndef API_ACCOUNT_SECOND_FACTOR_H
#define API_ACCOUNT_SECOND_FACTOR_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/secrets/token.h"
#include "common/secrets/totp.h"

struct request;
struct change;

#define SECOND_FACTOR_CODE_MAX 40 /* characters of a code, or of a recovery code */

/* The result of checking a code. */
struct second_factor_proof {
    int64_t step;              /* of a code from the app; 0: none */
    char recovery[TOKEN_HASH]; /* of a recovery code; "": none */
    unsigned char secret[TOTP_SECRET];
};

/* Does logging in to the account need a code? */
bool second_factor_wanted(const bson_t *user);

/* Is it a code from the app that has not been used, or a recovery code? */
bool second_factor_check(const bson_t *user, const char *code, struct second_factor_proof *proof);

/*
 * Within a change: marks the code as used.  ERR_BAD_LOGIN if another request has used it in the
 * meantime.
 */
enum err second_factor_use(struct request *r, struct change *change, const bson_t *user,
                           const struct second_factor_proof *proof) MUST_CHECK;

/* The fields that a credential event unsets to turn the second factor off. */
const bson_t *second_factor_fields(struct request *r);

/* Appends the secret, encrypted for that user; and the reverse: false if it cannot be decrypted. */
void second_factor_encrypt(bson_t *set, const char *name, const bson_oid_t *user,
                           const unsigned char secret[TOTP_SECRET]);
bool second_factor_decrypt(const bson_t *user, const char *name, unsigned char secret[TOTP_SECRET]);

/* The hash of a recovery code, however it was typed. */
void second_factor_hash(char hash[TOKEN_HASH], const char *code);

/* Within a change: queues the email about the change of the second factor. */
enum err second_factor_notify(struct request *r, struct change *change, const bson_t *user,
                              const char *what) MUST_CHECK;

#endif
