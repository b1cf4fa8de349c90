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

#define RECENT_MS  (10LL * 60 * 1000)    /* after a log-in no password is asked for again */
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
    {"currentPassword", TEXT,    MAY_EDIT | VIRTUAL | VERBATIM,  1, PASSWORD_MAX, .about = "for a new address or number, unless one has just logged in"},
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

enum err
account_password(struct request *r, const bson_t *user, const char *pointer, const char *password)
{
    const char *key = r->user;
    bool right;
    enum err err = limits_try(r, key);

    if (err == ERR_NONE)
        err = password_check(password, doc_text(user, "passwordHash"), &right, NULL);
    if (err == ERR_NONE)
        limits_tried(r, key, right);
    if (err != ERR_NONE || right)
        return err;
    request_complain(r, pointer, "wrong", "is not the password");
    return ERR_INVALID;
}

/* Has this session begun with a password just now? */
static enum err
just_logged_in(struct request *r, bool *just)
{
    const bson_t *session;
    int64_t began = 0;
    enum err err = crud_get(r, STORE_SESSIONS, &r->session_id, &session);

    if (err == ERR_NONE)
        doc_time(session, "createdAt", &began);
    *just = clock_now() - began < RECENT_MS;
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

enum err
account_reauth(struct request *r, const bson_t *user, const char *pointer, const char *password)
{
    bool just;
    enum err err;

    if (password != NULL)
        return account_password(r, user, pointer, password);
    err = just_logged_in(r, &just);
    if (err != ERR_NONE || just)
        return err;
    request_complain(r, pointer, "required", "is required, since the log-in was long ago");
    return ERR_INVALID;
}

const char *
account_greeting(struct request *r, const bson_t *user)
{
    const char *name = doc_text(user, "name");

    if (name == NULL || strpbrk(name, "/:@.<>\r\n\t") != NULL)
        return "";
    return arena_printf(r->arena, " %s", name);
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
account_reply(struct request *r, int status, const bson_t *user, const bson_oid_t *session,
              const char *refresh_secret)
{
    struct token token = {.expires = clock_now() / 1000 + TOKEN_SECONDS};
    struct text *t = reply_json(r, status);
    char *access;

    bson_oid_to_string(doc_id(user, "_id"), token.user);
    bson_oid_to_string(session, token.session);
    access = token_sign(&token);
    text_puts(t, "{\"user\":");
    doc_write(t, &user_shape, user);
    text_printf(t, ",\"accessToken\":\"%s\",\"expiresIn\":%d,\"refreshToken\":", access,
                TOKEN_SECONDS);
    if (r->cookie_mode) {
        cookie_set(r, refresh_token(r, session, refresh_secret));
        text_puts(t, "null}");
    } else {
        text_printf(t, "\"%s\"}", refresh_token(r, session, refresh_secret));
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
    BSON_APPEND_DATE_TIME(&doc, "expiresAt", now + IDLE_MS);
    err = store_insert(change_store(change), STORE_SESSIONS, &doc);
    bson_destroy(&doc);
    account_reply(r, 201, user, &id, secret);
    return err;
}
