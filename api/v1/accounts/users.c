/*
 * POST /v1/users: registration, according to REGISTRATION.  A user is created with a topic, a
 * personal project (Inbox) whose id is the user's own, and an email that confirms the address.
 * With `verified` the account is opened only by that email.
 */
#include "api/v1/accounts/users.h"

#include <string.h>

#include "api/access/audit.h"
#include "api/account/account.h"
#include "api/account/contact_code.h"
#include "api/account/one_time.h"
#include "api/account/session_open.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/quotas.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "api/v1/accounts/passwords.h"
#include "api/v1/handlers.h"
#include "api/v1/projects/invitations.h"
#include "api/v1/projects/projects.h"
#include "common/base/id.h"
#include "common/config.h"
#include "common/secrets/password.h"

#define CLOSED       "this server does not accept registrations"
#define INVITED_ONLY "registration requires an invitation"
#define ENOUGH_SENT                                                                                \
    "enough emails have been sent to this address today; the link in each of them works, and "     \
    "whoever can read them can then choose a new password"

/* clang-format off */
static const struct field register_fields[] = {
    {"email",    TEXT, MUST_SET, 3, 254},
    {"phone",    TEXT, MUST_SET, 1, 64},
    {"password", TEXT, MUST_SET | VERBATIM, PASSWORD_MIN, PASSWORD_MAX},
    {"name",     TEXT, MUST_SET, 1, 100},
    {"timeZone", TEXT, MAY_SET,  1, 64, .fallback = "\"UTC\""},
    {"locale",   TEXT, MAY_SET,  2, 35, .fallback = "\"en\""},
    {"cookie",   FLAG, MAY_SET,  .fallback = "false", .about = "set the refresh token as a cookie, for browsers"},
    {"invitation", TEXT, MAY_SET | NULLABLE, 1, 200, .about = "the token of an invitation to accept; if the project is full, the account is opened anyway and the invitation remains pending"},
    {NULL},
};
/* clang-format on */

const struct shape register_shape = {"Registration", register_fields};

/* The data of a registration, for both ways to open an account. */
struct registration {
    struct request *r;
    bson_t *account;          /* email, phone, name, timeZone, locale, passwordHash */
    const bson_t *invitation; /* NULL: none */
    const bson_t *token;      /* of the email that opens the account; NULL: it opens at once */
    bool phone_waits;         /* the number is the account's own only once it is confirmed */
};

static void
append_phone(const struct registration *reg, bson_t *user)
{
    const char *phone = doc_text(reg->account, "phone");
    char hex[ID_TEXT];

    if (!reg->phone_waits) {
        BSON_APPEND_UTF8(user, "phone", phone);
        return;
    }
    bson_oid_to_string(&reg->r->user_id, hex);
    BSON_APPEND_UTF8(user, "phone", arena_printf(reg->r->arena, QUEUE_RELEASED "%s", hex));
    BSON_APPEND_UTF8(user, "pendingPhone", phone);
}

static bson_t *
new_user(struct registration *reg, int64_t now)
{
    bson_t *user = request_keep(reg->r, bson_new());

    BSON_APPEND_OID(user, "_id", &reg->r->user_id);
    BSON_APPEND_INT64(user, "rev", 1);
    bson_copy_to_excluding_noinit(reg->account, user, "passwordHash", "phone", NULL);
    append_phone(reg, user);
    BSON_APPEND_BOOL(user, "presence", true);
    if (reg->token != NULL)
        BSON_APPEND_DATE_TIME(user, "emailVerifiedAt", now);
    else
        BSON_APPEND_NULL(user, "emailVerifiedAt");
    BSON_APPEND_NULL(user, "phoneVerifiedAt");
    BSON_APPEND_DATE_TIME(user, "createdAt", now);
    BSON_APPEND_DATE_TIME(user, "updatedAt", now);
    BSON_APPEND_UTF8(user, "passwordHash", doc_text(reg->account, "passwordHash"));
    BSON_APPEND_INT64(user, "credentialGen", 0);
    return user;
}

/*
 * Complains about which of the two are taken, after a conflict.  Who opens an account by email has
 * proved to own the address, and learns nothing about the number.
 */
static enum err
name_conflicts(struct registration *reg)
{
    static const char *const pointers[] = {"/email", "/phone"};

    for (int i = 0; i < (reg->token == NULL ? 2 : 1); i++) {
        const char *name = pointers[i] + 1;
        bson_t *filter = BCON_NEW(name, BCON_UTF8(doc_text(reg->account, name))), *doc;
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

/*
 * If the project is full, the account is created all the same: the invitation stays open, and can
 * be accepted when there is room.
 */
static enum err
take_invitation(struct registration *reg, struct change *change, const bson_t *user, int own)
{
    enum err err = invitations_take(reg->r, change, reg->invitation, user, own);

    if (err != ERR_QUOTA)
        return err;
    reg->r->detail = NULL;
    return ERR_NONE;
}

/*
 * A number that another account has but never confirmed does not prevent registration: it becomes
 * pending, and moves to this account once it is confirmed (verifications.c).  An account opened by
 * email reveals of no number whether somebody has it, so there each number is pending at first.
 * Addresses need no such rule: an address's owner can take over the account that has it by a
 * password reset.
 */
static enum err
look_for_phone(struct registration *reg)
{
    struct request *r = reg->r;
    bson_t *filter = request_keep(r, BCON_NEW("phone", BCON_UTF8(doc_text(reg->account, "phone")),
                                              "phoneVerifiedAt", BCON_NULL)),
           *found;
    enum err err;

    reg->phone_waits = reg->token != NULL;
    if (reg->phone_waits)
        return ERR_NONE;
    err = store_get(r->store, STORE_USERS, filter, NULL, &found);
    reg->phone_waits = err == ERR_NONE;
    if (err == ERR_NONE)
        request_keep(r, found);
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

/*
 * Creates the user and everything that belongs to it, and the membership if there is an invitation
 * to a project that has room.
 */
static enum err
create_user(struct registration *reg, struct change *change, const bson_t **out)
{
    struct request *r = reg->r;
    bson_t *user;
    int own;
    enum err err;

    if ((err = look_for_phone(reg)) != ERR_NONE)
        return err;
    bson_oid_init(&r->user_id, NULL);
    *out = user = new_user(reg, change_now(change));
    if ((err = store_insert(change_store(change), STORE_USERS, user)) != ERR_NONE ||
        (err = change_new_topic(change, request_user_topic(r, &r->user_id), &own)) != ERR_NONE ||
        (err = projects_create_inbox(r, change, own)) != ERR_NONE)
        return err;
    return reg->invitation == NULL ? ERR_NONE : take_invitation(reg, change, user, own);
}

static enum err
open_at_once(struct change *change, void *arg)
{
    struct registration *reg = arg;
    struct request *r = reg->r;
    const bson_t *user;
    enum err err = create_user(reg, change, &user);

    if (err != ERR_NONE || (err = contact_code_send(r, change, user, CONTACT_EMAIL,
                                                    doc_text(user, "email"))) != ERR_NONE)
        return err;
    r->reply.location = "/v1/me";
    return session_open(r, change, user, NULL);
}

/* Runs a change that creates the account; the invitation's project is part of it. */
static enum err
open_account(struct registration *reg, change_fn fn)
{
    struct request *r = reg->r;
    struct change_plan plan = {.fn = fn, .arg = reg};
    enum err err;

    if (reg->invitation != NULL) /* numbered only if it is accepted */
        plan.last_topic = request_project_topic(r, doc_id(reg->invitation, "projectId"));
    err = request_change(r, &plan);
    if (err == ERR_NONE)
        audit(r, "account.opened", &r->user_id);
    return err == ERR_CONFLICT && r->detail == NULL ? name_conflicts(reg) : err;
}

/*
 * REGISTRATION=verified: only an email is sent, and only taskwire-jobs sees whether the address has
 * an account already.
 */
static enum err
ask_by_email(struct change *change, void *arg)
{
    struct registration *reg = arg;
    struct request *r = reg->r;
    const char *email = doc_text(reg->account, "email");
    bson_t *more = request_keep(r, BCON_NEW("account", BCON_DOCUMENT(reg->account)));
    char secret[TOKEN_SECRET];
    bson_t *nobody = request_keep(r, bson_new());
    struct one_time link = {USERS_PURPOSE, nobody, USERS_LINK_MS, more};
    bson_oid_t id;
    int64_t now = change_now(change);
    bson_t *content;
    enum err err;

    bson_oid_init(&id, NULL); /* there is no user yet, so the link has an id of its own */
    BSON_APPEND_OID(nobody, "_id", &id);
    if (reg->invitation != NULL)
        BSON_APPEND_OID(more, "invitationId", doc_id(reg->invitation, "_id"));
    err = quotas_spend(r, change, QUOTA_ADDRESS_REGISTRATIONS, email);
    if (err == ERR_THROTTLED)
        return request_fail(r, err, ENOUGH_SENT);
    if (err != ERR_NONE || (err = one_time_add(change, &link, secret)) != ERR_NONE)
        return err;
    content = request_keep(r, BCON_NEW("email", BCON_UTF8(email), "secret", BCON_UTF8(secret)));
    text_puts(reply_json(r, 202), "{}");
    return queue_job(change, JOB_REGISTRATION, now, now + USERS_LINK_MS, content);
}

/* Appends the normal forms to account, or complains. */
static enum err
judge(struct request *r, const bson_t *body, bson_t *account)
{
    const char *email, *phone;
    enum err err;

    if (doc_has(body, "email") && account_email(r, doc_text(body, "email"), &email))
        BSON_APPEND_UTF8(account, "email", email);
    else if (doc_has(body, "email"))
        request_complain(r, "/email", "format", "must be an email address");
    if (doc_has(body, "phone") && account_phone(r, doc_text(body, "phone"), &phone))
        BSON_APPEND_UTF8(account, "phone", phone);
    else if (doc_has(body, "phone"))
        request_complain(r, "/phone", "format", "must be a phone number like +4915112345678");
    account_check(r, body);
    if (doc_has(body, "password"))
        passwords_validate(r, "/password", doc_text(body, "password"), body);
    if ((err = request_validated(r)) != ERR_NONE)
        return err;
    BSON_APPEND_UTF8(account, "name", doc_text(body, "name"));
    BSON_APPEND_UTF8(account, "timeZone", doc_text(body, "timeZone"));
    BSON_APPEND_UTF8(account, "locale", doc_text(body, "locale"));
    return ERR_NONE;
}

static bool
is_mode(const struct request *r, const char *mode)
{
    return strcmp(r->config->registration, mode) == 0;
}

/* The invitation from the body, or complaints. */
static enum err
read_invitation(struct registration *reg, const bson_t *body)
{
    struct request *r = reg->r;
    const char *secret = doc_text(body, "invitation");
    const bson_t *project;
    enum err err;

    if (secret == NULL && is_mode(r, "invited"))
        return request_fail(r, ERR_FORBIDDEN, INVITED_ONLY);
    if (secret == NULL)
        return ERR_NONE;
    if ((err = invitations_find(r, secret, &reg->invitation)) == ERR_NONE)
        err = invitations_check(r, reg->invitation, &project, NULL);
    if (err != ERR_NOT_FOUND && err != ERR_CONFLICT)
        return err;
    request_complain(r, "/invitation", "not-found", "%s", r->detail);
    r->detail = NULL;
    return ERR_INVALID;
}

enum err
users_register(struct request *r)
{
    struct registration reg = {.r = r, .account = request_keep(r, bson_new())};
    struct change_plan plan = {.fn = ask_by_email, .arg = &reg};
    bson_t *body = request_keep(r, bson_new());
    char hash[PASSWORD_STORED];
    enum err err;

    if (is_mode(r, "closed"))
        return request_fail(r, ERR_FORBIDDEN, CLOSED);
    err = doc_read(r, DOC_CREATE, register_fields, r->json, body);
    if ((err != ERR_NONE && err != ERR_INVALID) ||
        (err = judge(r, body, reg.account)) != ERR_NONE ||
        (err = read_invitation(&reg, body)) != ERR_NONE ||
        (err = session_open_cookie(r, body)) != ERR_NONE ||
        (err = password_hash(doc_text(body, "password"), hash)) != ERR_NONE)
        return err;
    BSON_APPEND_UTF8(reg.account, "passwordHash", hash);
    return is_mode(r, "verified") ? request_change(r, &plan) : open_account(&reg, open_at_once);
}

static enum err
open_by_email(struct change *change, void *arg)
{
    struct registration *reg = arg;
    const bson_t *user;
    enum err err = one_time_use(reg->r, change, reg->token);

    if (err == ERR_NONE)
        err = create_user(reg, change, &user);
    return err == ERR_NONE ? reply_empty(reg->r, 204) : err;
}

/* The invitation of a registration by email, if it can still be accepted. */
static enum err
find_invitation(struct registration *reg)
{
    const bson_oid_t *id = doc_id(reg->token, "invitationId");
    const bson_t *invitation, *project;
    enum err err =
        id == NULL ? ERR_NOT_FOUND : request_fetch(reg->r, STORE_INVITATIONS, id, &invitation);

    if (err == ERR_NONE && (err = invitations_again(reg->r, invitation, &invitation)) == ERR_NONE)
        err = invitations_check(reg->r, invitation, &project, NULL);
    if (err == ERR_NONE)
        reg->invitation = invitation;
    reg->r->detail = NULL;
    return err == ERR_NOT_FOUND || err == ERR_CONFLICT ? ERR_NONE : err;
}

enum err
users_open(struct request *r, const bson_t *token)
{
    struct registration reg = {.r = r, .token = token};
    bson_iter_t iter;
    const uint8_t *bytes;
    uint32_t len;
    enum err err;

    if (is_mode(r, "closed"))
        return request_fail(r, ERR_FORBIDDEN, CLOSED);
    if (!bson_iter_init_find(&iter, token, "account") || !BSON_ITER_HOLDS_DOCUMENT(&iter))
        return ERR_INTERNAL;
    bson_iter_document(&iter, &len, &bytes);
    reg.account = request_keep(r, bson_new_from_data(bytes, len));
    if ((err = find_invitation(&reg)) != ERR_NONE)
        return err;
    if (is_mode(r, "invited") && reg.invitation == NULL)
        return request_fail(r, ERR_FORBIDDEN, INVITED_ONLY);
    return open_account(&reg, open_by_email);
}
