/*
 * /v1/password-resets: a new password by email.  Neither the reply nor its timing shows whether
 * there is an account: only taskwire-jobs looks it up.
 *
 * Requests are counted by who makes them, never by the email address: a stranger who enters
 * somebody else's address must not use up the owner's limit.  The emails to one account are limited
 * where they are written (jobs/reset.c).
 */
#include "api/v1/handlers.h"

#include <string.h>

#include "api/access/audit.h"
#include "api/account/account.h"
#include "api/account/message_words.h"
#include "api/account/one_time.h"
#include "api/account/second_factor.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/limits.h"
#include "api/http/quotas.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "api/v1/accounts/passwords.h"
#include "common/secrets/password.h"

/* clang-format off */
static const struct field ask_fields[] = {
    {"email", TEXT, MUST_SET, 3, 254},
    {NULL},
};
static const struct field use_fields[] = {
    {"token",    TEXT, MUST_SET | VERBATIM, 1, 200},
    {"password", TEXT, MUST_SET | VERBATIM, PASSWORD_MIN, PASSWORD_MAX},
    {NULL},
};
/* clang-format on */

const struct shape reset_ask_shape = {"PasswordResetRequest", ask_fields};
const struct shape reset_use_shape = {"PasswordReset", use_fields};

struct asking {
    struct request *r;
    const char *email;
};

static enum err
store_asking(struct change *change, void *arg)
{
    struct asking *a = arg;
    struct quota_use all = {QUOTA_RESETS, NULL, NULL};
    int64_t now = change_now(change);
    bson_t *content = request_keep(a->r, BCON_NEW("email", BCON_UTF8(a->email), "ip",
                                                  BCON_UTF8(message_words_ip(a->r)), "requestId",
                                                  BCON_UTF8(a->r->id)));
    bool over;
    enum err err = quotas_take(change, &all, &over);

    text_puts(reply_json(a->r, 202), "{}");
    if (err != ERR_NONE || over)
        return err; /* the same reply whether or not there is an account */
    return queue_job(change, JOB_RESET, now, now + RESET_MS, content);
}

/* Did this network make too many requests, for any address? */
static enum err
check_network(struct request *r)
{
    char net[LIMITS_NETWORK];
    bool over;
    enum err err;

    if (r->address == NULL)
        return ERR_NONE;
    limits_network(r->address, net);
    err = quotas_count(r->store, r->began, QUOTA_NETWORK_RESETS, net, &over);
    return err == ERR_NONE && over ? quotas_refuse(r, QUOTA_NETWORK_RESETS) : err;
}

enum err
password_resets_ask(struct request *r)
{
    struct asking a = {.r = r};
    struct change_plan plan = {.fn = store_asking, .arg = &a};
    bson_t *body = request_keep(r, bson_new());
    enum err err = doc_read(r, DOC_CREATE, ask_fields, r->json, body);

    if (err == ERR_NONE && !account_email(r, doc_text(body, "email"), &a.email))
        request_complain(r, "/email", "format", "must be an email address");
    if (err != ERR_NONE || (err = request_validated(r)) != ERR_NONE ||
        (err = check_network(r)) != ERR_NONE)
        return err;
    return request_change(r, &plan);
}

struct using
{
    struct request *r;
    const bson_t *token, *user;
    char hash[PASSWORD_STORED];
    struct credential_event event;
};

/*
 * The email was read, so the address is confirmed.  If it was not confirmed before, the account may
 * have been opened by somebody else: what that person set up must not keep the owner out, so the
 * second factor is removed.
 */
static void
prove_address(struct using *u, struct change *change)
{
    u->event.set = u->event.unset = NULL;
    if (doc_has(u->user, "emailVerifiedAt"))
        return;
    u->event.set =
        request_keep(u->r, BCON_NEW("emailVerifiedAt", BCON_DATE_TIME(change_now(change))));
    u->event.unset = second_factor_fields(u->r);
}

static enum err
use_token(struct change *change, void *arg)
{
    struct using *u = arg;
    struct request *r = u->r;
    enum err err;

    prove_address(u, change);
    if ((err = one_time_use(r, change, u->token)) != ERR_NONE ||
        (err = passwords_set(&u->event, change, u->user, u->hash,
                             "This ended all sessions and API tokens.")) != ERR_NONE)
        return err;
    return reply_empty(r, 204);
}

static enum err
refuse(struct request *r)
{
    return request_fail(r, ERR_BAD_LOGIN, "the token is invalid or has expired");
}

/*
 * Finds the email's token and its user.  The generation is checked only here: a password change
 * that runs at the same time does not stop the reset.
 */
static enum err
find_token(struct using *u, const char *secret)
{
    enum err err = one_time_find(u->r, "reset", secret, &u->token);

    if (err == ERR_NONE)
        err = request_fetch(u->r, STORE_USERS, doc_id(u->token, "userId"), &u->user);
    if (err == ERR_NOT_FOUND || (err == ERR_NONE && !one_time_current(u->token, u->user)))
        return refuse(u->r);
    return err;
}

enum err
password_resets_use(struct request *r)
{
    struct using u = {.r = r, .event = {.r = r}};
    struct change_plan plan = {.fn = use_token, .arg = &u};
    bson_t *body = request_keep(r, bson_new());
    enum err err = doc_read(r, DOC_CREATE, use_fields, r->json, body);

    if (err == ERR_NONE)
        passwords_validate(r, "/password", doc_text(body, "password"), NULL);
    if (err != ERR_NONE || (err = request_validated(r)) != ERR_NONE ||
        (err = find_token(&u, doc_text(body, "token"))) != ERR_NONE)
        return err;
    passwords_validate(r, "/password", doc_text(body, "password"), u.user);
    if ((err = request_validated(r)) != ERR_NONE ||
        (err = password_hash(doc_text(body, "password"), u.hash)) != ERR_NONE)
        return err;
    u.event.user = doc_id(u.user, "_id");
    credentials_plan(&u.event, &plan);
    if ((err = request_change(r, &plan)) != ERR_NONE)
        return err;
    credentials_publish(&u.event);
    limits_tried(r, account_bucket(r, u.user, NULL),
                 true); /* earlier wrong attempts no longer count */
    audit(r, "password.reset", u.event.user);
    return ERR_NONE;
}
