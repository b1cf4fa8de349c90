/*
 * The user's shape; tokens for a session.
 */
#include "api/v1/account.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "api/cookie.h"
#include "api/crud.h"
#include "api/doc.h"
#include "api/limits.h"
#include "api/reply.h"
#include "api/request.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/email.h"
#include "common/json.h"
#include "common/password.h"
#include "common/phone.h"
#include "common/token.h"
#include "common/unicode.h"
#include "common/zone.h"

#define IDLE_MS    (14LL * 86400 * 1000) /* a session of no use */
#define SESSION_MS (30LL * 86400 * 1000) /* any session (ASVS 5.0, 7.3.2) */
#define AGENT_MAX  200
#define LETTERS    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* clang-format off */
const struct field user_fields[] = {
    /* name             kind     a client             limits */
    {"id",              REF,     0},
    {"rev",             INTEGER, 0},
    {"email",           TEXT,    MAY_EDIT,            3, 254, .about = "a new one counts once it is confirmed"},
    {"phone",           TEXT,    MAY_EDIT,            1, 64, .about = "a new one counts once it is confirmed"},
    {"name",            TEXT,    MAY_EDIT,            1, 100},
    {"timeZone",        TEXT,    MAY_EDIT,            1, 64, .fallback = "\"UTC\""},
    {"locale",          TEXT,    MAY_EDIT,            2, 35, .fallback = "\"en\""},
    {"presence",        FLAG,    MAY_EDIT,            .fallback = "true"},
    {"emailVerifiedAt", INSTANT, NULLABLE},
    {"phoneVerifiedAt", INSTANT, NULLABLE},
    {"pendingEmail",    TEXT,    NULLABLE,            .about = "waits to be confirmed"},
    {"pendingPhone",    TEXT,    NULLABLE,            .about = "waits to be confirmed"},
    {"totpEnabledAt",   INSTANT, NULLABLE,            .about = "since when logging in needs a code"},
    {"createdAt",       INSTANT, 0},
    {"updatedAt",       INSTANT, 0},
    {"password",        TEXT,    MAY_EDIT | VIRTUAL | VERBATIM,  1, PASSWORD_MAX, .about = "needed beside email or phone"},
    {"code",            TEXT,    MAY_EDIT | VIRTUAL,  1, TOTP_CODE_MAX, .about = "needed as well when there is a second factor"},
    {"passwordHash",    TEXT,    HIDDEN},
    {NULL},
};
/* clang-format on */

static const struct field no_fields[] = {{NULL}};

const struct shape user_shape = {"User", user_fields};
const struct shape accepted_shape = {"Accepted", no_fields};

bool
account_email(struct request *r, const char *typed, const char **out)
{
    char *email = email_normal(typed);

    if (email != NULL)
        *out = arena_dup(r->arena, email);
    free(email);
    return email != NULL;
}

bool
account_phone(struct request *r, const char *typed, const char **out)
{
    char phone[PHONE_E164];

    if (!phone_normal(typed, phone))
        return false;
    *out = arena_dup(r->arena, phone);
    return true;
}

/* The form of BCP 47: "de", "pt-BR", "zh-Hant-TW". */
static bool
locale_ok(const char *locale)
{
    size_t len = strspn(locale, LETTERS);

    if (len < 2 || len > 8)
        return false;
    for (locale += len; *locale != '\0'; locale += len + 1) {
        len = *locale == '-' ? strspn(locale + 1, LETTERS "0123456789") : 0;
        if (len < 1 || len > 8)
            return false;
    }
    return true;
}

void
account_judge(struct request *r, const bson_t *body)
{
    const char *zone = doc_text(body, "timeZone"), *locale = doc_text(body, "locale");

    if (zone != NULL && zone_find(zone) == NULL)
        request_complain(r, "/timeZone", "format", "must be a zone like Europe/Berlin");
    if (locale != NULL && !locale_ok(locale))
        request_complain(r, "/locale", "format", "must be a locale like de or pt-BR");
}

const char *
account_login(struct request *r, const char *typed)
{
    const char *value;

    return account_email(r, typed, &value) || account_phone(r, typed, &value) ? value : typed;
}

/* An address in the form that was stored when fewer rules held. */
static const char *
as_stored(struct request *r, const char *login)
{
    char *typed = unicode_typed(login);
    char *address = arena_dup(r->arena, typed);

    for (char *p = address; *p != '\0'; p++)
        *p = (char)tolower((unsigned char)*p);
    free(typed);
    return address;
}

enum err
account_find(struct request *r, const char *login, const bson_t **out)
{
    const char *value;
    bson_t *filter, *user;
    enum err err;

    if (account_email(r, login, &value))
        filter = BCON_NEW("email", BCON_UTF8(value));
    else if (account_phone(r, login, &value))
        filter = BCON_NEW("phone", BCON_UTF8(value));
    else /* the same work for what cannot be; addresses that older rules took are as typed */
        filter = BCON_NEW("email", BCON_UTF8(as_stored(r, login)));
    err = store_get(r->store, STORE_USERS, filter, NULL, &user);
    bson_destroy(filter);
    *out = err == ERR_NONE ? request_keep(r, user) : NULL;
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

const char *
account_bucket(struct request *r, const bson_t *user, const char *login)
{
    const char *device;
    char id[25];

    if (user == NULL)
        return arena_printf(r->arena, "login %s", login);
    bson_oid_to_string(doc_id(user, "_id"), id);
    device = cookie_device(r, id);
    return device != NULL ? arena_printf(r->arena, "device %s", device)
                          : arena_printf(r->arena, "user %s", id);
}

void
account_known_device(struct request *r, const bson_t *user)
{
    char id[25];

    bson_oid_to_string(doc_id(user, "_id"), id);
    cookie_device_set(r, id);
}

const char *
account_session_bucket(struct request *r)
{
    return arena_printf(r->arena, "session %s %s", r->user, r->session);
}

/* Complains of what is missing. */
static enum err
judge_given(struct request *r, const bson_t *user, const struct account_secrets *given)
{
    if (given->password == NULL)
        request_complain(r, given->pointer, "required", "is required");
    if (totp_wanted(user) && given->code == NULL)
        request_complain(r, "/code", "required", "is required, since there is a second factor");
    return request_verdict(r);
}

enum err
account_prove(struct request *r, const bson_t *user, const struct account_secrets *given,
              struct totp_proof *proof)
{
    const char *key = account_session_bucket(r);
    bool right, code_right = true;
    enum err err;

    *proof = (struct totp_proof){0};
    if ((err = judge_given(r, user, given)) != ERR_NONE || (err = limits_try(r, key)) != ERR_NONE ||
        (err = password_check(given->password, doc_text(user, "passwordHash"), &right, NULL)) !=
            ERR_NONE)
        return err;
    if (totp_wanted(user))
        code_right = totp_prove(user, given->code, proof);
    limits_tried(r, key, right && code_right);
    if (!right)
        request_complain(r, given->pointer, "wrong", "is not the password");
    else if (!code_right)
        request_complain(r, "/code", "wrong", "is not a valid code");
    return request_verdict(r);
}

enum err
account_use_proof(struct request *r, struct change *change, const bson_t *user,
                  const struct totp_proof *proof)
{
    return proof->step == 0 && proof->recovery[0] == '\0' ? ERR_NONE
                                                          : totp_use(r, change, user, proof);
}

/*
 * How many bytes at s are a character that makes mail programs see a link; 0: it is none.  Those
 * beyond ASCII are what IDNA (UTS #46) maps to them: ideographic, halfwidth, fullwidth and small
 * forms.
 */
static size_t
linking(const char *s)
{
    static const char *const wide[] = {"\u3002", "\uff0e", "\uff61", "\u2024", "\ufe52", "\uff0f",
                                       "\uff1a", "\ufe55", "\uff20", "\ufe6b", "\uff1c", "\uff1e"};

    if (*s != '\0' && strchr("/:@.<>\\\r\n\t", *s) != NULL)
        return 1;
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        if (strncmp(s, wide[i], strlen(wide[i])) == 0)
            return strlen(wide[i]);
    return 0;
}

const char *
account_harmless(struct request *r, const char *name, const char *otherwise)
{
    if (name == NULL)
        return otherwise;
    for (const char *s = name; *s != '\0'; s++)
        if (linking(s) > 0)
            return otherwise;
    return arena_dup(r->arena, name);
}

const char *
account_unlinked(struct request *r, const char *words)
{
    char *out = arena_dup(r->arena, words), *to = out;

    for (const char *s = words; *s != '\0';) {
        size_t len = linking(s);

        *to++ = len > 0 ? ' ' : *s;
        s += len > 0 ? len : 1;
    }
    *to = '\0';
    return out;
}

const char *
account_greeting(struct request *r, const bson_t *user)
{
    const char *name = account_harmless(r, doc_text(user, "name"), "");

    return *name == '\0' ? "" : arena_printf(r->arena, " %s", name);
}

const char *
account_ip(const struct request *r)
{
    return r->address == NULL ? "an unknown address" : r->address;
}

const char *
account_link(struct request *r, const char *page, const char *token)
{
    return arena_printf(r->arena, "%s/#/%s%s%s", r->config->public_url, page,
                        token == NULL ? "" : "?token=", token == NULL ? "" : token);
}

enum err
account_cookie(struct request *r, const bson_t *body)
{
    r->cookie_mode = doc_flag(body, "cookie");
    return r->cookie_mode ? cookie_same_site(r) : ERR_NONE;
}

/* A refresh token is the session's id and its secret. */
static char *
refresh_token(struct request *r, const bson_oid_t *session, const char *secret)
{
    char hex[25];

    bson_oid_to_string(session, hex);
    return arena_printf(r->arena, "%s.%s", hex, secret);
}

void
account_reply(struct request *r, int status, const bson_t *user, const bson_t *session,
              const char *refresh_secret)
{
    struct token token = {.expires = r->began / 1000 + TOKEN_SECONDS,
                          .generation = doc_int(session, "generation")};
    int64_t left = token.expires - clock_now() / 1000;
    const bson_oid_t *id = doc_id(session, "_id");
    struct text *t = reply_json(r, status);
    char *access;

    bson_oid_to_string(doc_id(user, "_id"), token.user);
    bson_oid_to_string(id, token.session);
    access = token_sign(&token);
    text_puts(t, "{\"user\":");
    doc_write(t, &user_shape, user);
    text_printf(t, ",\"accessToken\":\"%s\",\"expiresIn\":%lld,\"refreshToken\":", access,
                left < 1 ? 1LL : (long long)left);
    if (r->cookie_mode) {
        cookie_set(r, refresh_token(r, id, refresh_secret));
        text_puts(t, "null}");
    } else {
        text_printf(t, "\"%s\"}", refresh_token(r, id, refresh_secret));
    }
    free(access);
}

int64_t
account_session_end(const bson_t *session, int64_t now)
{
    int64_t began = now;

    doc_time(session, "createdAt", &began);
    return began + SESSION_MS < now + IDLE_MS ? began + SESSION_MS : now + IDLE_MS;
}

const char *
account_agent(struct request *r)
{
    size_t len = r->user_agent == NULL ? 0 : strlen(r->user_agent);

    if (len > AGENT_MAX)
        len = AGENT_MAX;
    return len == 0 || !text_utf8(r->user_agent, len) ? ""
                                                      : arena_copy(r->arena, r->user_agent, len);
}

enum err
account_open_session(struct request *r, struct change *change, const bson_t *user,
                     const char *device)
{
    char secret[TOKEN_SECRET], hash[TOKEN_HASH], hex[25];
    int64_t now = change_now(change);
    bson_oid_t id;
    bson_t doc;
    enum err err;

    text_random(id.bytes, sizeof(id.bytes)); /* not to be told from others' */
    bson_oid_to_string(&id, hex);
    token_refresh(secret, hash, hex);
    bson_init(&doc);
    BSON_APPEND_OID(&doc, "_id", &id);
    BSON_APPEND_OID(&doc, "userId", doc_id(user, "_id"));
    BSON_APPEND_UTF8(&doc, "refreshHash", hash);
    BSON_APPEND_UTF8(&doc, "agent", account_agent(r));
    BSON_APPEND_UTF8(&doc, "device", device == NULL ? account_agent(r) : device);
    BSON_APPEND_UTF8(&doc, "ip", r->address == NULL ? "" : r->address);
    BSON_APPEND_DATE_TIME(&doc, "createdAt", now);
    BSON_APPEND_DATE_TIME(&doc, "lastUsedAt", now);
    BSON_APPEND_DATE_TIME(&doc, "confirmedAt", now);
    BSON_APPEND_INT64(&doc, "generation", doc_int(user, "credentialGen"));
    BSON_APPEND_DATE_TIME(&doc, "expiresAt", now + IDLE_MS);
    err = store_insert(change_store(change), STORE_SESSIONS, &doc);
    account_reply(r, 201, user, &doc, secret);
    bson_destroy(&doc);
    return err;
}
