/*
 * /v1/verifications: one document in tokens per message, with the hash of the link's secret and the
 * keyed hash of the code.  A code becomes invalid after five attempts.
 */
#include "api/v1/handlers.h"

#include <string.h>

#include "api/access/audit.h"
#include "api/account/contact_code.h"
#include "api/account/message_words.h"
#include "api/account/one_time.h"
#include "api/crud/entity.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/quotas.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "api/v1/accounts/users.h"
#include "common/base/id.h"
#include "common/store/store_many.h"
#include "common/text/text.h"
#include "common/time/clock.h"

static const char *const purposes[] = {"email", "phone", NULL};

/* clang-format off */
static const struct field send_fields[] = {
    {"purpose", CHOICE, MUST_SET, .choices = purposes},
    {NULL},
};
static const struct field confirm_fields[] = {
    {"token", TEXT, MAY_SET | NULLABLE | VERBATIM, 1, 200, .about = "from the link in the email"},
    {"code",  TEXT, MAY_SET | NULLABLE, 1, 12, .about = "requires an access token"},
    {NULL},
};
/* clang-format on */

const struct shape verification_shape = {"Verification", send_fields};
const struct shape confirmation_shape = {"Confirmation", confirm_fields};

struct sending {
    struct request *r;
    enum contact contact;
};

static enum err
send_again(struct change *change, void *arg)
{
    struct sending *s = arg;
    const struct contact_name *n = &contact_names[s->contact];
    const bson_t *user;
    const char *value;
    enum err err = request_fetch(s->r, STORE_USERS, &s->r->user_id, &user);

    if (err != ERR_NONE)
        return err;
    value = doc_text(user, n->pending);
    if (value == NULL && doc_has(user, n->verified))
        return request_fail(s->r, ERR_CONFLICT, "the %s is already confirmed", n->field);
    if (value == NULL)
        value = doc_text(user, n->field);
    if (queue_released(value))
        return request_fail(s->r, ERR_CONFLICT, "another account has confirmed this %s", n->field);
    text_puts(reply_json(s->r, 202), "{}");
    return contact_code_send(s->r, change, user, s->contact, value);
}

enum err
verifications_create(struct request *r)
{
    struct sending s = {r, CONTACT_EMAIL};
    struct change_plan plan = {.fn = send_again, .arg = &s};
    bson_t *body = request_keep(r, bson_new());
    enum err err = doc_read(r, DOC_CREATE, send_fields, r->json, body);

    if (err != ERR_NONE)
        return err;
    if (strcmp(doc_text(body, "purpose"), "phone") == 0)
        s.contact = CONTACT_PHONE;
    return request_change(r, &plan);
}

struct confirming {
    struct request *r;
    const char *code; /* the code sent back; NULL: the link was used */
    const bson_t *token;
    enum contact contact;
    bson_oid_t user;
};

/* Queues the emails and texts about a changed address or number, to the old one. */
static enum err
announce(struct confirming *c, struct change *change, const bson_t *user, const char *new)
{
    struct request *r = c->r;
    const char *link = message_words_link(r, "password-resets", NULL);
    bool phone = c->contact == CONTACT_PHONE;
    enum err err = queue_message(
        change, phone ? MESSAGE_PHONE_CHANGED : MESSAGE_EMAIL_CHANGED, doc_text(user, "email"),
        NOTICE_MS, "name", message_words_greeting(r, user), "new", new, "ip", message_words_ip(r),
        "link", phone ? link : message_words_link(r, "", NULL), NULL);

    if (err == ERR_NONE && phone && doc_has(user, "phoneVerifiedAt")) /* else it has no owner */
        err = queue_message(change, MESSAGE_PHONE_MOVED, doc_text(user, "phone"), NOTICE_MS, "link",
                            link, NULL);
    /* Reset emails to the old address become invalid. */
    return err == ERR_NONE && !phone ? one_time_forget(change, "reset", &c->user) : err;
}

/*
 * An unconfirmed address or number belongs to no account: an account that has it without
 * confirmation loses it to the one that confirms it.
 */
static enum err
take_from_others(struct confirming *c, struct change *change, const char *value)
{
    struct request *r = c->r;
    const struct contact_name *n = &contact_names[c->contact];
    bson_t *unproved =
        request_keep(r, BCON_NEW(n->field, BCON_UTF8(value), n->verified, BCON_NULL));
    bson_t *set, *update, *doc;
    char hex[ID_TEXT];
    enum err err = store_get(change_store(change), STORE_USERS, unproved, NULL, &doc);

    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    request_keep(r, doc);
    bson_oid_to_string(doc_id(doc, "_id"), hex);
    set = request_keep(
        r, BCON_NEW(n->field, BCON_UTF8(arena_printf(r->arena, QUEUE_RELEASED "%s", hex))));
    update = entity_update(r, change_now(change), set);
    err = store_update(change_store(change), STORE_USERS, unproved, update, NULL);
    if (err == ERR_NONE && c->contact == CONTACT_EMAIL)
        err = one_time_forget(change, "reset", doc_id(doc, "_id"));
    return err;
}

/* Marks the address or number as confirmed, and sets a pending one as the user's own. */
static enum err
confirm(struct change *change, void *arg)
{
    struct confirming *c = arg;
    const struct contact_name *n = &contact_names[c->contact];
    const char *value = doc_text(c->token, "value"), *pending;
    bson_t *filter = request_keep(c->r, BCON_NEW("_id", BCON_OID(&c->user)));
    bson_t *set = request_keep(c->r, bson_new());
    const bson_t *user;
    bool own;
    enum err err;

    if ((err = one_time_use(c->r, change, c->token)) != ERR_NONE ||
        (err = request_fetch(c->r, STORE_USERS, &c->user, &user)) != ERR_NONE)
        return err;
    if (!one_time_current(c->token, user))
        return request_fail(c->r, ERR_BAD_LOGIN,
                            "the account's credentials have been changed since then");
    own = strcmp(value, doc_text(user, n->field)) == 0;
    pending = doc_text(user, n->pending);
    if (!own && (pending == NULL || strcmp(pending, value) != 0))
        return request_fail(c->r, ERR_BAD_LOGIN, "a different %s has been chosen since then",
                            n->field);
    if (!own && (err = take_from_others(c, change, value)) != ERR_NONE)
        return err;
    BSON_APPEND_UTF8(set, n->field, value);
    BSON_APPEND_DATE_TIME(set, n->verified, change_now(change));
    if (!own)
        BSON_APPEND_NULL(set, n->pending);
    err = store_update(change_store(change), STORE_USERS, filter,
                       entity_update(c->r, change_now(change), set), NULL);
    if (err == ERR_NONE && !own)
        err = announce(c, change, user, value);
    return err == ERR_NONE ? reply_empty(c->r, 204) : err;
}

static enum err
note_match(void *arg, const bson_t *doc)
{
    struct confirming *c = arg;

    if (c->token == NULL &&
        token_mac_is(doc_text(doc, "codeMac"), "code:", c->code, strlen(c->code)))
        c->token = request_keep(c->r, bson_copy(doc));
    return ERR_NONE;
}

/*
 * The caller's document with that code.  The attempt is counted, and marked as counted, before the
 * code is checked, so that parallel requests get no additional attempts.
 */
static enum err
find_code(struct confirming *c)
{
    struct request *r = c->r;
    char try[TOKEN_SECRET], unused[TOKEN_HASH];
    bson_t *live = request_keep(
        r, BCON_NEW("userId", BCON_OID(&r->user_id), "purpose", "{", "$in", "[", "verify-email",
                    "verify-phone", "]", "}", "codeUntil", "{", "$gt", BCON_DATE_TIME(clock_now()),
                    "}", "tries", "{", "$lt", BCON_INT32(CONTACT_CODE_TRIES), "}"));
    bson_t *count, *match;
    bool over;
    enum err err = quotas_count(r->store, clock_now(), QUOTA_USER_CODE_ATTEMPTS, r->user, &over);

    if (err != ERR_NONE || over)
        return err == ERR_NONE ? quotas_refuse(r, QUOTA_USER_CODE_ATTEMPTS) : err;
    token_secret(try, unused);
    count = request_keep(r, BCON_NEW("$inc", "{", "tries", BCON_INT32(1), "}", "$set", "{", "try",
                                     BCON_UTF8(try), "}"));
    match = request_keep(r, BCON_NEW("userId", BCON_OID(&r->user_id), "try", BCON_UTF8(try)));
    err = store_many_update(r->store, STORE_TOKENS, live, count);
    if (err == ERR_NONE)
        err = store_find(r->store, &(struct store_query){STORE_TOKENS, match, NULL}, note_match, c);
    if (err == ERR_NONE && c->token == NULL)
        return request_fail(r, ERR_BAD_LOGIN, "the code is invalid or has expired");
    return err;
}

/* Finds the secret of a link, whatever its purpose. */
static enum err
find_link(struct confirming *c, const char *secret)
{
    static const char *const links[] = {"verify-email", "verify-phone", USERS_PURPOSE};
    enum err err = ERR_BAD_LOGIN;

    for (int i = 0; err == ERR_BAD_LOGIN && i < 3; i++)
        err = one_time_find(c->r, links[i], secret, &c->token);
    return err;
}

enum err
verifications_confirm(struct request *r)
{
    struct confirming c = {.r = r};
    struct change_plan plan = {.fn = confirm, .arg = &c};
    bson_t *body = request_keep(r, bson_new());
    enum err err = doc_read(r, DOC_CREATE, confirm_fields, r->json, body);

    if (err != ERR_NONE)
        return err;
    if (doc_has(body, "token") == doc_has(body, "code")) {
        request_complain(r, "", "required", "must contain either a token or a code");
        return ERR_INVALID;
    }
    c.code = doc_text(body, "code");
    if (doc_has(body, "token"))
        err = find_link(&c, doc_text(body, "token"));
    else
        err = r->user[0] == '\0' ? ERR_NO_AUTH : find_code(&c);
    if (err != ERR_NONE)
        return err;
    if (strcmp(doc_text(c.token, "purpose"), USERS_PURPOSE) == 0)
        return users_open(r, c.token);
    c.user = *doc_id(c.token, "userId");
    c.contact =
        strcmp(doc_text(c.token, "purpose"), "verify-phone") == 0 ? CONTACT_PHONE : CONTACT_EMAIL;
    err = request_change(r, &plan);
    if (err == ERR_CONFLICT)
        return request_fail(r, err, "this %s belongs to another account",
                            contact_names[c.contact].field);
    if (err == ERR_NONE)
        audit_of(r, "contact.confirmed", &c.user, "contact", contact_names[c.contact].field);
    return err;
}
