/*
 * /v1/me/totp.  The secret is sealed under the signing keys (anew at each
 * log-in, so that keys can go); recovery codes have 120 bits and are hashed.
 */
#include "api/v1/totp.h"

#include <ctype.h>
#include <string.h>

#include "api/audit.h"
#include "api/crud.h"
#include "api/doc.h"
#include "api/jobs/queue.h"
#include "api/limits.h"
#include "api/reply.h"
#include "api/request.h"
#include "api/v1/account.h"
#include "api/v1/credentials.h"
#include "api/v1/handlers.h"
#include "common/clock.h"
#include "common/password.h"
#include "common/totp.h"

#define RECOVERY_CODES 10
#define RECOVERY_BYTES 15 /* 24 characters: past 112 bits a plain hash will do (ASVS 6.5.2) */

/* clang-format off */
static const struct field begin_fields[] = {
    {"password", TEXT, MUST_SET | VERBATIM, 1, PASSWORD_MAX},
    {NULL},
};
static const struct field begun_fields[] = {
    {"secret", TEXT, 0, .about = "base32, to be typed into an authenticator"},
    {"uri",    TEXT, 0, .about = "the same as otpauth:, for a QR code"},
    {NULL},
};
static const struct field confirm_fields[] = {
    {"code", TEXT, MUST_SET, 1, TOTP_CODE_MAX},
    {NULL},
};
static const struct field confirmed_fields[] = {
    {"recoveryCodes", ANY, 0, .about = "each good once, instead of a code; shown only now"},
    {NULL},
};
static const struct field end_fields[] = {
    {"password", TEXT, MUST_SET | VERBATIM, 1, PASSWORD_MAX},
    {"code",     TEXT, MUST_SET, 1, TOTP_CODE_MAX, .about = "from the phone, or a recovery code"},
    {NULL},
};
/* clang-format on */

const struct shape totp_begin_shape = {"SecondFactorStart", begin_fields};
const struct shape totp_begun_shape = {"SecondFactorSecret", begun_fields};
const struct shape totp_confirm_shape = {"SecondFactorCode", confirm_fields};
const struct shape totp_confirmed_shape = {"SecondFactorRecovery", confirmed_fields};
const struct shape totp_end_shape = {"SecondFactorEnd", end_fields};

const bson_t *
totp_fields(struct request *r)
{
    return request_keep(
        r, BCON_NEW("totpSecret", "", "totpStep", "", "totpEnabledAt", "", "recoveryHashes", ""));
}

bool
totp_wanted(const bson_t *user)
{
    return doc_has(user, "totpEnabledAt");
}

static void
append_sealed(bson_t *set, const char *name, const bson_oid_t *user,
              const unsigned char secret[TOTP_SECRET])
{
    struct text sealed = {0};
    char hex[25];

    bson_oid_to_string(user, hex);
    token_seal(&sealed, hex, (const char *)secret, TOTP_SECRET);
    bson_append_binary(set, name, -1, BSON_SUBTYPE_BINARY, (const uint8_t *)sealed.bytes,
                       (uint32_t)sealed.len);
    text_free(&sealed);
}

static bool
open_sealed(const bson_t *user, const char *name, unsigned char secret[TOTP_SECRET])
{
    struct text bytes = {0};
    const uint8_t *sealed;
    bson_iter_t iter;
    char hex[25];
    uint32_t len;
    bool ok = false;

    bson_oid_to_string(doc_id(user, "_id"), hex);
    if (bson_iter_init_find(&iter, user, name) && BSON_ITER_HOLDS_BINARY(&iter)) {
        bson_iter_binary(&iter, NULL, &len, &sealed);
        ok = token_unseal(&bytes, hex, (const char *)sealed, len) == ERR_NONE &&
             bytes.len == TOTP_SECRET;
    }
    if (ok)
        memcpy(secret, bytes.bytes, TOTP_SECRET);
    text_free(&bytes);
    return ok;
}

/* A code as it was shown, without what people leave out or put in. */
static void
hash_recovery(char hash[TOKEN_HASH], const char *code)
{
    char plain[TOTP_CODE_MAX + 1];
    size_t n = 0;

    for (; *code != '\0' && n < TOTP_CODE_MAX; code++)
        if (isalnum((unsigned char)*code))
            plain[n++] = (char)toupper((unsigned char)*code);
    plain[n] = '\0';
    token_hash(hash, plain);
}

bool
totp_prove(const bson_t *user, const char *code, struct totp_proof *proof)
{
    bson_iter_t iter, list;

    *proof = (struct totp_proof){0};
    if (open_sealed(user, "totpSecret", proof->secret) &&
        totp_check(proof->secret, code, clock_now(), &proof->step) &&
        proof->step > doc_int(user, "totpStep"))
        return true;
    proof->step = 0;
    hash_recovery(proof->recovery, code);
    if (bson_iter_init_find(&iter, user, "recoveryHashes") && bson_iter_recurse(&iter, &list))
        while (bson_iter_next(&list))
            if (strcmp(bson_iter_utf8(&list, NULL), proof->recovery) == 0)
                return true;
    return false;
}

static enum err
tell(struct request *r, struct change *change, const bson_t *user, const char *what)
{
    return queue_letter(change, JOB_LETTER, LETTER_SECOND_FACTOR, doc_text(user, "email"),
                        NOTICE_MS, "name", account_greeting(r, user), "what", what, "ip",
                        account_ip(r), "link", account_link(r, "password-resets", NULL), NULL);
}

enum err
totp_use(struct request *r, struct change *change, const bson_t *user,
         const struct totp_proof *proof)
{
    const bson_oid_t *id = doc_id(user, "_id");
    bson_t *filter = request_keep(r, BCON_NEW("_id", BCON_OID(id)));
    bson_t *update = request_keep(r, bson_new()), part;
    int64_t matched;
    enum err err;

    if (proof->step != 0) {
        BSON_APPEND_DOCUMENT_BEGIN(filter, "totpStep", &part);
        BSON_APPEND_INT64(&part, "$lt", proof->step);
        bson_append_document_end(filter, &part);
        BSON_APPEND_DOCUMENT_BEGIN(update, "$set", &part);
        BSON_APPEND_INT64(&part, "totpStep", proof->step);
        append_sealed(&part, "totpSecret", id, proof->secret);
    } else {
        BSON_APPEND_UTF8(filter, "recoveryHashes", proof->recovery);
        BSON_APPEND_DOCUMENT_BEGIN(update, "$pull", &part);
        BSON_APPEND_UTF8(&part, "recoveryHashes", proof->recovery);
    }
    bson_append_document_end(update, &part);
    err = store_update(change_store(change), STORE_USERS, filter, update, &matched);
    if (err == ERR_NONE && matched == 0)
        return request_fail(r, ERR_BAD_LOGIN, "the code was used already");
    if (err == ERR_NONE && proof->step == 0)
        err = tell(r, change, user, "A recovery code was used instead of a code from your phone");
    return err;
}

struct work {
    struct request *r;
    const bson_t *user; /* whose password was checked, or whose secret waits */
    struct totp_proof proof;
    struct credential_event event;
    const bson_t *set; /* the event's */
    const char *what;  /* for the letter */
    int status;
    const char *body; /* JSON; NULL: none */
};

static enum err
answer(struct work *w)
{
    if (w->body == NULL)
        return reply_empty(w->r, w->status);
    text_puts(reply_json(w->r, w->status), w->body);
    return ERR_NONE;
}

/* Switched on or off: both end all other sessions. */
static enum err
switch_factor(struct change *change, void *arg)
{
    struct work *w = arg;
    enum err err = account_use_proof(w->r, change, w->user, &w->proof);

    if (err == ERR_NONE)
        err = credentials_renew(&w->event, change);
    if (err == ERR_NONE)
        err = tell(w->r, change, w->user, w->what);
    return err == ERR_NONE ? answer(w) : err;
}

static enum err
run_switch(struct work *w)
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
        credentials_tell(&w->event);
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

/* Puts the new secret down to wait for its first code. */
static enum err
begin(struct change *change, void *arg)
{
    struct work *w = arg;
    struct request *r = w->r;
    bson_t *who = request_keep(r, BCON_NEW("_id", BCON_OID(&r->user_id)));
    bson_t *update = request_keep(r, BCON_NEW("$set", BCON_DOCUMENT(w->set)));
    const bson_t *user;
    enum err err = credentials_current(r, w->user, &user);

    if (err == ERR_NONE && totp_wanted(user))
        err = request_fail(r, ERR_CONFLICT, "there is a second factor already");
    if (err == ERR_NONE)
        err = store_update(change_store(change), STORE_USERS, who, update, NULL);
    return err == ERR_NONE ? answer(w) : err;
}

enum err
totp_begin(struct request *r)
{
    struct work w = {.r = r, .status = 201};
    struct change_plan plan = {.fn = begin, .arg = &w};
    struct account_secrets given = {.pointer = "/password"};
    unsigned char secret[TOTP_SECRET];
    char base32[TOTP_BASE32(TOTP_SECRET)];
    bson_t *body = request_keep(r, bson_new()), *set = request_keep(r, bson_new());
    enum err err = doc_read(r, DOC_CREATE, begin_fields, r->json, body);

    if (err != ERR_NONE || (err = crud_get(r, STORE_USERS, &r->user_id, &w.user)) != ERR_NONE)
        return err;
    if (totp_wanted(w.user))
        return request_fail(r, ERR_CONFLICT, "there is a second factor already");
    given.password = doc_text(body, "password");
    if ((err = account_prove(r, w.user, &given, &w.proof)) != ERR_NONE)
        return err;
    text_random(secret, sizeof(secret));
    totp_base32(base32, secret, sizeof(secret));
    append_sealed(set, "totpPending", &r->user_id, secret);
    w.set = set;
    w.body = arena_printf(r->arena, "{\"secret\":\"%s\",\"uri\":\"%s\"}", base32,
                          make_uri(r, doc_text(w.user, "email"), base32));
    return request_change(r, &plan);
}

/* New recovery codes: their hashes into a list, themselves into a JSON body. */
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
        hash_recovery(hash, code);
        doc_array_add_text(&array, hash);
        text_printf(&t, "%s\"%.4s-%.4s-%.4s-%.4s-%.4s-%.4s\"", i > 0 ? "," : "", code, code + 4,
                    code + 8, code + 12, code + 16, code + 20);
    }
    text_puts(&t, "]}");
    copy = arena_dup(r->arena, t.bytes);
    text_free(&t);
    return copy;
}

/* Is it a code of the secret that waits?  Wrong ones are counted. */
static enum err
check_pending(struct request *r, const bson_t *user, const char *code,
              unsigned char secret[TOTP_SECRET], int64_t *step)
{
    enum err err;
    bool right;

    if (!open_sealed(user, "totpPending", secret))
        return request_fail(r, ERR_CONFLICT, "no second factor was begun");
    if ((err = limits_try(r, account_session_bucket(r))) != ERR_NONE)
        return err;
    right = totp_check(secret, code, clock_now(), step);
    limits_tried(r, account_session_bucket(r), right);
    if (right)
        return ERR_NONE;
    request_complain(r, "/code", "wrong", "is not the code that the phone shows now");
    return ERR_INVALID;
}

enum err
totp_confirm(struct request *r)
{
    struct work w = {.r = r, .status = 200, .what = "Two-factor authentication was turned on"};
    unsigned char secret[TOTP_SECRET];
    bson_t *body = request_keep(r, bson_new()), *set = request_keep(r, bson_new()), list;
    int64_t step;
    enum err err = doc_read(r, DOC_CREATE, confirm_fields, r->json, body);

    if (err != ERR_NONE || (err = crud_get(r, STORE_USERS, &r->user_id, &w.user)) != ERR_NONE ||
        (err = check_pending(r, w.user, doc_text(body, "code"), secret, &step)) != ERR_NONE)
        return err;
    append_sealed(set, "totpSecret", &r->user_id, secret);
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
totp_end(struct request *r)
{
    struct work w = {.r = r, .status = 204, .what = "Two-factor authentication was turned off"};
    struct account_secrets given = {.pointer = "/password"};
    bson_t *body = request_keep(r, bson_new());
    enum err err = doc_read(r, DOC_CREATE, end_fields, r->json, body);

    if (err != ERR_NONE || (err = crud_get(r, STORE_USERS, &r->user_id, &w.user)) != ERR_NONE)
        return err;
    if (!totp_wanted(w.user))
        return request_fail(r, ERR_CONFLICT, "there is no second factor");
    given.password = doc_text(body, "password");
    given.code = doc_text(body, "code");
    if ((err = account_prove(r, w.user, &given, &w.proof)) != ERR_NONE)
        return err;
    w.event.unset = totp_fields(r);
    if ((err = run_switch(&w)) == ERR_NONE)
        audit(r, "second-factor.off", &r->user_id);
    return err;
}
