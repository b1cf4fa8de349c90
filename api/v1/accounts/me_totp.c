/*
 * /v1/me/totp: turning two-factor authentication on and off.
 */
#include "api/v1/handlers.h"

#include <ctype.h>
#include <string.h>

#include "api/access/audit.h"
#include "api/account/account_proof.h"
#include "api/account/credentials.h"
#include "api/account/second_factor.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/limits.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/secrets/password.h"
#include "common/secrets/totp.h"
#include "common/time/clock.h"

#define RECOVERY_CODES 10
#define RECOVERY_BYTES 15 /* 24 characters: above 112 bits a plain hash suffices (ASVS 6.5.2) */

/* clang-format off */
static const struct field begin_fields[] = {
    {"password", TEXT, MUST_SET | VERBATIM, 1, PASSWORD_MAX},
    {NULL},
};
static const struct field begun_fields[] = {
    {"secret", TEXT, 0, .about = "base32, for typing into an authenticator app"},
    {"uri",    TEXT, 0, .about = "the same as an otpauth: URI, for a QR code"},
    {NULL},
};
static const struct field confirm_fields[] = {
    {"code", TEXT, MUST_SET, 1, SECOND_FACTOR_CODE_MAX},
    {NULL},
};
static const struct field confirmed_fields[] = {
    {"recoveryCodes", ANY, 0, .about = "each can be used once instead of a code; they are shown only now"},
    {NULL},
};
static const struct field end_fields[] = {
    {"password", TEXT, MUST_SET | VERBATIM, 1, PASSWORD_MAX},
    {"code",     TEXT, MUST_SET, 1, SECOND_FACTOR_CODE_MAX, .about = "from the authenticator app, or a recovery code"},
    {NULL},
};
/* clang-format on */

const struct shape me_totp_begin_shape = {"SecondFactorStart", begin_fields};
const struct shape me_totp_begun_shape = {"SecondFactorSecret", begun_fields};
const struct shape me_totp_confirm_shape = {"SecondFactorCode", confirm_fields};
const struct shape me_totp_confirmed_shape = {"SecondFactorRecovery", confirmed_fields};
const struct shape me_totp_end_shape = {"SecondFactorEnd", end_fields};

struct factor_switch {
    struct request *r;
    const bson_t *user; /* whose password was checked, or whose secret is pending */
    struct second_factor_proof proof;
    struct credential_event event;
    const bson_t *set; /* the fields that the event sets */
    const char *what;  /* for the email */
    int status;
    const char *body; /* JSON; NULL: none */
};

static enum err
answer(struct factor_switch *w)
{
    if (w->body == NULL)
        return reply_empty(w->r, w->status);
    text_puts(reply_json(w->r, w->status), w->body);
    return ERR_NONE;
}

/* Turns it on or off: both end all other sessions. */
static enum err
switch_factor(struct change *change, void *arg)
{
    struct factor_switch *w = arg;
    enum err err = account_proof_use(w->r, change, w->user, &w->proof);

    if (err == ERR_NONE)
        err = credentials_renew(&w->event, change);
    if (err == ERR_NONE)
        err = second_factor_notify(w->r, change, w->user, w->what);
    return err == ERR_NONE ? answer(w) : err;
}

static enum err
run_switch(struct factor_switch *w)
{
    struct request *r = w->r;
    struct change_plan plan = {.fn = switch_factor, .arg = w};
    enum err err;

    w->event.r = r;
    w->event.user = &r->user_id;
    w->event.proved = w->user;
    w->event.keep = &r->session_id;
    w->event.keep_api_tokens = true;
    credentials_plan(&w->event, &plan);
    if ((err = request_change(r, &plan)) == ERR_NONE)
        credentials_publish(&w->event);
    return err;
}

/* otpauth://totp/Taskwire:anna%40example.com?... */
static const char *
make_uri(struct request *r, const char *email, const char *secret)
{
    struct text uri = {0};
    const char *copy;

    text_puts(&uri, "otpauth://totp/Taskwire:");
    for (; *email != '\0'; email++) {
        if (isalnum((unsigned char)*email) || *email == '.' || *email == '-')
            text_putc(&uri, *email);
        else
            text_printf(&uri, "%%%02X", (unsigned char)*email);
    }
    text_printf(&uri, "?secret=%s&issuer=Taskwire&algorithm=SHA1&digits=6&period=30", secret);
    copy = arena_dup(r->arena, uri.bytes);
    text_free(&uri);
    return copy;
}

/* Stores the new secret as pending until its first code. */
static enum err
begin(struct change *change, void *arg)
{
    struct factor_switch *w = arg;
    struct request *r = w->r;
    bson_t *who = request_keep(r, BCON_NEW("_id", BCON_OID(&r->user_id)));
    bson_t *update = request_keep(r, BCON_NEW("$set", BCON_DOCUMENT(w->set)));
    const bson_t *user;
    enum err err = credentials_current(r, w->user, &user);

    if (err == ERR_NONE && second_factor_wanted(user))
        err = request_fail(r, ERR_CONFLICT, "two-factor authentication is already on");
    if (err == ERR_NONE)
        err = store_update(change_store(change), STORE_USERS, who, update, NULL);
    return err == ERR_NONE ? answer(w) : err;
}

enum err
me_totp_begin(struct request *r)
{
    struct factor_switch w = {.r = r, .status = 201};
    struct change_plan plan = {.fn = begin, .arg = &w};
    struct account_secrets given = {.pointer = "/password"};
    unsigned char secret[TOTP_SECRET];
    char base32[TOTP_BASE32(TOTP_SECRET)];
    bson_t *body = request_keep(r, bson_new()), *set = request_keep(r, bson_new());
    enum err err = doc_read(r, DOC_CREATE, begin_fields, r->json, body);

    if (err != ERR_NONE || (err = request_fetch(r, STORE_USERS, &r->user_id, &w.user)) != ERR_NONE)
        return err;
    if (second_factor_wanted(w.user))
        return request_fail(r, ERR_CONFLICT, "two-factor authentication is already on");
    given.password = doc_text(body, "password");
    if ((err = account_proof_check(r, w.user, &given, &w.proof)) != ERR_NONE)
        return err;
    text_random(secret, sizeof(secret));
    totp_base32(base32, secret, sizeof(secret));
    second_factor_encrypt(set, "totpPending", &r->user_id, secret);
    w.set = set;
    w.body = arena_printf(r->arena, "{\"secret\":\"%s\",\"uri\":\"%s\"}", base32,
                          make_uri(r, doc_text(w.user, "email"), base32));
    return request_change(r, &plan);
}

/* Makes new recovery codes: appends their hashes to a list and the codes to a JSON body. */
static const char *
make_recovery(struct request *r, bson_t *hashes)
{
    unsigned char bytes[RECOVERY_BYTES];
    char code[TOTP_BASE32(RECOVERY_BYTES)], hash[TOKEN_HASH];
    struct doc_array array = {hashes, 0};
    struct text t = {0};
    const char *copy;

    text_puts(&t, "{\"recoveryCodes\":[");
    for (int i = 0; i < RECOVERY_CODES; i++) {
        text_random(bytes, sizeof(bytes));
        totp_base32(code, bytes, sizeof(bytes));
        second_factor_hash(hash, code);
        doc_array_add_text(&array, hash);
        text_printf(&t, "%s\"%.4s-%.4s-%.4s-%.4s-%.4s-%.4s\"", i > 0 ? "," : "", code, code + 4,
                    code + 8, code + 12, code + 16, code + 20);
    }
    text_puts(&t, "]}");
    copy = arena_dup(r->arena, t.bytes);
    text_free(&t);
    return copy;
}

/* Is it a code of the pending secret?  Wrong codes are counted. */
static enum err
check_pending(struct request *r, const bson_t *user, const char *code,
              unsigned char secret[TOTP_SECRET], int64_t *step)
{
    enum err err;
    bool right;

    if (!second_factor_decrypt(user, "totpPending", secret))
        return request_fail(r, ERR_CONFLICT, "two-factor setup has not been started");
    if ((err = limits_try(r, account_proof_bucket(r))) != ERR_NONE)
        return err;
    right = totp_check(secret, code, clock_now(), step);
    limits_tried(r, account_proof_bucket(r), right);
    if (right)
        return ERR_NONE;
    request_complain(r, "/code", "wrong", "is not the current code from your authenticator app");
    return ERR_INVALID;
}

enum err
me_totp_confirm(struct request *r)
{
    struct factor_switch w = {
        .r = r, .status = 200, .what = "Two-factor authentication was turned on"};
    unsigned char secret[TOTP_SECRET];
    bson_t *body = request_keep(r, bson_new()), *set = request_keep(r, bson_new()), list;
    int64_t step;
    enum err err = doc_read(r, DOC_CREATE, confirm_fields, r->json, body);

    if (err != ERR_NONE ||
        (err = request_fetch(r, STORE_USERS, &r->user_id, &w.user)) != ERR_NONE ||
        (err = check_pending(r, w.user, doc_text(body, "code"), secret, &step)) != ERR_NONE)
        return err;
    second_factor_encrypt(set, "totpSecret", &r->user_id, secret);
    BSON_APPEND_INT64(set, "totpStep", step);
    BSON_APPEND_DATE_TIME(set, "totpEnabledAt", clock_now());
    BSON_APPEND_ARRAY_BEGIN(set, "recoveryHashes", &list);
    w.body = make_recovery(r, &list);
    bson_append_array_end(set, &list);
    w.event.set = set;
    if ((err = run_switch(&w)) == ERR_NONE)
        audit(r, "second-factor.on", &r->user_id);
    return err;
}

enum err
me_totp_end(struct request *r)
{
    struct factor_switch w = {
        .r = r, .status = 204, .what = "Two-factor authentication was turned off"};
    struct account_secrets given = {.pointer = "/password"};
    bson_t *body = request_keep(r, bson_new());
    enum err err = doc_read(r, DOC_CREATE, end_fields, r->json, body);

    if (err != ERR_NONE || (err = request_fetch(r, STORE_USERS, &r->user_id, &w.user)) != ERR_NONE)
        return err;
    if (!second_factor_wanted(w.user))
        return request_fail(r, ERR_CONFLICT, "two-factor authentication is off");
    given.password = doc_text(body, "password");
    given.code = doc_text(body, "code");
    if ((err = account_proof_check(r, w.user, &given, &w.proof)) != ERR_NONE)
        return err;
    w.event.unset = second_factor_fields(r);
    if ((err = run_switch(&w)) == ERR_NONE)
        audit(r, "second-factor.off", &r->user_id);
    return err;
}
