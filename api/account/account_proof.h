/*
 * Proof that a request comes from the account's owner, and not from someone who has taken over a
 * session.
 */
#ifndef API_ACCOUNT_ACCOUNT_PROOF_H
#define API_ACCOUNT_ACCOUNT_PROOF_H

#include <bson/bson.h>

#include "api/account/second_factor.h"
#include "common/base/err.h"

struct change;
struct request;

/* The proof in a request's body. */
struct account_secrets {
    const char *pointer; /* JSON Pointer of the password, for complaints */
    const char *password, *code;
};

/*
 * Is it the user's password and, if there is a second factor, a valid code?  Otherwise complains:
 * ERR_INVALID; ERR_THROTTLED after too many wrong ones.
 */
enum err account_proof_check(struct request *r, const bson_t *user,
                             const struct account_secrets *given,
                             struct second_factor_proof *proof) MUST_CHECK;

/* Within a change: marks the given code as used, if there was one. */
enum err account_proof_use(struct request *r, struct change *change, const bson_t *user,
                           const struct second_factor_proof *proof) MUST_CHECK;

/* The name under which wrong attempts in the caller's session are counted. */
const char *account_proof_bucket(struct request *r);

#endif
