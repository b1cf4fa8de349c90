/*
 * Checks the password, and a code if there is a second factor; wrong ones are counted.
 */
#include "api/account/account_proof.h"

#include "api/account/second_factor.h"
#include "api/http/limits.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/secrets/password.h"

const char *
account_proof_bucket(struct request *r)
{
    return arena_printf(r->arena, "session %s %s", r->user, r->session);
}

/* Complains about what is missing. */
static enum err
judge_given(struct request *r, const bson_t *user, const struct account_secrets *given)
{
    if (given->password == NULL)
        request_complain(r, given->pointer, "required", "is required");
    if (second_factor_wanted(user) && given->code == NULL)
        request_complain(r, "/code", "required",
                         "is required because two-factor authentication is on");
    return request_validated(r);
}

enum err
account_proof_check(struct request *r, const bson_t *user, const struct account_secrets *given,
                    struct second_factor_proof *proof)
{
    const char *key = account_proof_bucket(r);
    bool right, code_right = true;
    enum err err;

    *proof = (struct second_factor_proof){0};
    if ((err = judge_given(r, user, given)) != ERR_NONE || (err = limits_try(r, key)) != ERR_NONE ||
        (err = password_check(given->password, doc_text(user, "passwordHash"), &right, NULL)) !=
            ERR_NONE)
        return err;
    if (second_factor_wanted(user))
        code_right = second_factor_check(user, given->code, proof);
    limits_tried(r, key, right && code_right);
    if (!right)
        request_complain(r, given->pointer, "wrong", "is incorrect");
    else if (!code_right)
        request_complain(r, "/code", "wrong", "is not valid");
    return request_validated(r);
}

enum err
account_proof_use(struct request *r, struct change *change, const bson_t *user,
                  const struct second_factor_proof *proof)
{
    return proof->step == 0 && proof->recovery[0] == '\0'
               ? ERR_NONE
               : second_factor_use(r, change, user, proof);
}
