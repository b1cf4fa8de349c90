/*
 * The second factor, as log-in asks for it.
 */
#ifndef API_V1_TOTP_H
#define API_V1_TOTP_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/token.h"

struct request;
struct change;

#define TOTP_CODE_MAX 40 /* characters of a code, or of a recovery code */

/* What a code was found to be. */
struct totp_proof {
    int64_t step;              /* of a code from the phone; 0: none */
    char recovery[TOKEN_HASH]; /* of a recovery code; "": none */
    unsigned char secret[20];
};

/* Does the account ask for a second factor? */
bool totp_wanted(const bson_t *user);

/* Is it a code of the phone that was not used, or a recovery code? */
bool totp_prove(const bson_t *user, const char *code, struct totp_proof *proof);

/* What a credential event unsets to switch the second factor off. */
const bson_t *totp_fields(struct request *r);

/* Within a change: uses the code up; ERR_BAD_LOGIN when a twin was faster. */
enum err totp_use(struct request *r, struct change *change, const bson_t *user,
                  const struct totp_proof *proof) MUST_CHECK;

#endif
