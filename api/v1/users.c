/*
 * /v1/users: registration.  A user comes with a topic, with a personal project,
 * Inbox, whose id is the user's own, and with a letter that confirms the address.
 */
#include "api/v1/handlers.h"

#include <string.h>

#include "api/audit.h"
#include "api/crud.h"
#include "api/doc.h"
#include "api/reply.h"
#include "api/request.h"
#include "api/v1/account.h"
#include "api/v1/passwords.h"
#include "api/v1/projects.h"
#include "api/v1/verifications.h"
#include "common/password.h"

/* clang-format off */
static const struct field register_fields[] = {
    {"email",    TEXT, MUST_SET, 3, 254},
    {"phone",    TEXT, MUST_SET, 1, 64},
    {"password", TEXT, MUST_SET | VERBATIM, PASSWORD_MIN, PASSWORD_MAX},
    {"name",     TEXT, MUST_SET, 1, 100},
    {"timeZone", TEXT, MAY_SET,  1, 64, .fallback = "\"UTC\""},
    {"locale",   TEXT, MAY_SET,  2, 35, .fallback = "\"en\""},
    {"cookie",   FLAG, MAY_SET,  .fallback = "false", .about = "the refresh token as a cookie, for browsers"},
    {NULL},
};
/* clang-format on */

const struct shape register_shape = {"Registration", register_fields};

struct registration {
    struct request *r;
    const bson_t *body;
    const char *email, *phone;
    char hash[PASSWORD_STORED];
};

static bson_t *
new_user(struct registration *reg, int64_t now)
{
    bson_t *user = request_keep(reg->r, bson_new());

    BSON_APPEND_OID(user, "_id", &reg->r->user_id);
    BSON_APPEND_INT64(user, "rev", 1);
    BSON_APPEND_UTF8(user, "email", reg->email);
    BSON_APPEND_UTF8(user, "phone", reg->phone);
    BSON_APPEND_UTF8(user, "name", doc_text(reg->body, "name"));
    BSON_APPEND_UTF8(user, "timeZone", doc_text(reg->body, "timeZone"));
    BSON_APPEND_UTF8(user, "locale", doc_text(reg->body, "locale"));
    BSON_APPEND_BOOL(user, "presence", true);
    BSON_APPEND_NULL(user, "emailVerifiedAt");
    BSON_APPEND_NULL(user, "phoneVerifiedAt");
    BSON_APPEND_DATE_TIME(user, "createdAt", now);
    BSON_APPEND_DATE_TIME(user, "updatedAt", now);
    BSON_APPEND_UTF8(user, "passwordHash", reg->hash);
    BSON_APPEND_INT64(user, "credentialGen", 0);
    return user;
}

/* Which of the two are taken?  Asked after a conflict, for the complaints alone. */
static enum err
name_conflicts(struct registration *reg)
{
    static const char *const pointers[] = {"/email", "/phone"};

    for (int i = 0; i < 2; i++) {
        const char *name = pointers[i] + 1;
        bson_t *filter = BCON_NEW(name, BCON_UTF8(i == 0 ? reg->email : reg->phone)), *doc;
        enum err err = store_get(reg->r->store, STORE_USERS, filter, NULL, &doc);

        bson_destroy(filter);
        if (err != ERR_NONE)
            continue;
        bson_destroy(doc);
        request_complain(reg->r, pointers[i], "taken", "an account with this %s exists", name);
        request_fail(reg->r, ERR_CONFLICT, "an account with this %s exists", name);
    }
    return ERR_CONFLICT;
}

static enum err
create_user(struct change *change, void *arg)
{
    struct registration *reg = arg;
    struct request *r = reg->r;
    const char *topic;
    bson_t *user;
    char hex[25];
    int own;
    enum err err;

    bson_oid_init(&r->user_id, NULL);
    bson_oid_to_string(&r->user_id, hex);
    topic = arena_printf(r->arena, "user:%s", hex);
    user = new_user(reg, change_now(change));
    if ((err = store_insert(change_store(change), STORE_USERS, user)) != ERR_NONE ||
        (err = change_new_topic(change, topic, &own)) != ERR_NONE ||
        (err = projects_create_inbox(r, change, own)) != ERR_NONE ||
        (err = verifications_send(r, change, user, CONTACT_EMAIL, reg->email)) != ERR_NONE ||
        (err = account_open_session(r, change, user, NULL)) != ERR_NONE)
        return err;
    r->reply.location = "/v1/me";
    return ERR_NONE;
}

enum err
users_register(struct request *r)
{
    struct registration reg = {.r = r, .body = request_keep(r, bson_new())};
    struct change_plan plan = {.fn = create_user, .arg = &reg};
    enum err err = doc_read(r, DOC_CREATE, register_fields, r->json, (bson_t *)(uintptr_t)reg.body);

    if (err != ERR_NONE && err != ERR_INVALID)
        return err;
    if (doc_has(reg.body, "email") && !account_email(r, doc_text(reg.body, "email"), &reg.email))
        request_complain(r, "/email", "format", "must be a mail address");
    if (doc_has(reg.body, "phone") && !account_phone(r, doc_text(reg.body, "phone"), &reg.phone))
        request_complain(r, "/phone", "format", "must be a number like +4915112345678");
    account_judge(r, reg.body);
    if (doc_has(reg.body, "password"))
        passwords_judge(r, "/password", doc_text(reg.body, "password"), reg.body);
    if ((err = request_verdict(r)) != ERR_NONE || (err = account_cookie(r, reg.body)) != ERR_NONE ||
        (err = password_hash(doc_text(reg.body, "password"), reg.hash)) != ERR_NONE)
        return err;
    if ((err = request_change(r, &plan)) == ERR_NONE)
        audit(r, "account.opened", &r->user_id);
    return err == ERR_CONFLICT ? name_conflicts(&reg) : err;
}
