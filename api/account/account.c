/*
 * The user's fields; tokens for a session.
 */
#include "api/account/account.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "api/account/second_factor.h"
#include "api/http/cookie.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/base/id.h"
#include "common/secrets/password.h"
#include "common/text/email.h"
#include "common/text/phone.h"
#include "common/text/unicode.h"
#include "common/time/zone.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* clang-format off */
const struct field user_fields[] = {
    /* name             kind     a client             limits */
    {"id",              REF,     0},
    {"rev",             INTEGER, 0},
    {"email",           TEXT,    MAY_EDIT,            3, 254, .about = "a new value takes effect once it is confirmed"},
    {"phone",           TEXT,    MAY_EDIT,            1, 64, .about = "a new value takes effect once it is confirmed"},
    {"name",            TEXT,    MAY_EDIT,            1, 100},
    {"timeZone",        TEXT,    MAY_EDIT,            1, 64, .fallback = "\"UTC\""},
    {"locale",          TEXT,    MAY_EDIT,            2, 35, .fallback = "\"en\""},
    {"presence",        FLAG,    MAY_EDIT,            .fallback = "true"},
    {"emailVerifiedAt", INSTANT, NULLABLE},
    {"phoneVerifiedAt", INSTANT, NULLABLE},
    {"pendingEmail",    TEXT,    NULLABLE,            .about = "waiting to be confirmed"},
    {"pendingPhone",    TEXT,    NULLABLE,            .about = "waiting to be confirmed"},
    {"totpEnabledAt",   INSTANT, NULLABLE,            .about = "since when two-factor authentication is on"},
    {"createdAt",       INSTANT, 0},
    {"updatedAt",       INSTANT, 0},
    {"password",        TEXT,    MAY_EDIT | VIRTUAL | VERBATIM,  1, PASSWORD_MAX, .about = "needed to change email or phone, or to cancel such a change"},
    {"code",            TEXT,    MAY_EDIT | VIRTUAL,  1, SECOND_FACTOR_CODE_MAX, .about = "also needed when two-factor authentication is on"},
    {"passwordHash",    TEXT,    HIDDEN},
    {"zoneBefore",      TEXT,    HIDDEN}, /* this and the next: api/v1/accounts/me.c */
    {"zoneChangedAt",   INSTANT, HIDDEN},
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

/* A BCP 47 tag: "de", "pt-BR", "zh-Hant-TW". */
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
account_check(struct request *r, const bson_t *body)
{
    const char *zone = doc_text(body, "timeZone"), *locale = doc_text(body, "locale");

    if (zone != NULL && zone_find(zone) == NULL)
        request_complain(r, "/timeZone", "format", "must be a time zone like Europe/Berlin");
    if (locale != NULL && !locale_ok(locale))
        request_complain(r, "/locale", "format", "must be a locale like de or pt-BR");
}

const char *
account_login(struct request *r, const char *typed)
{
    const char *value;

    return account_email(r, typed, &value) || account_phone(r, typed, &value) ? value : typed;
}

/* An address in the form that was stored under earlier, looser rules. */
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
    else /* the same work for invalid logins; addresses under older rules are stored as typed */
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
    char id[ID_TEXT];

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
    char id[ID_TEXT];

    bson_oid_to_string(doc_id(user, "_id"), id);
    cookie_device_set(r, id);
}
