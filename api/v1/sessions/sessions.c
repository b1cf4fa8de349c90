/*
 * /v1/sessions: log in, list, refresh, end.
 */
#include "api/v1/handlers.h"

#include <string.h>

#include "api/access/audit.h"
#include "api/account/account.h"
#include "api/account/account_proof.h"
#include "api/account/credentials.h"
#include "api/account/message_words.h"
#include "api/account/second_factor.h"
#include "api/account/session_end.h"
#include "api/account/session_open.h"
#include "api/crud/page.h"
#include "api/crud/request_change.h"
#include "api/http/cookie.h"
#include "api/http/doc_read.h"
#include "api/http/limits.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "common/base/id.h"
#include "common/secrets/password.h"
#include "common/secrets/token.h"
#include "common/time/clock.h"

/* clang-format off */
static const struct field login_fields[] = {
    {"login",    TEXT, MUST_SET, 1, 254},
    {"password", TEXT, MUST_SET | VERBATIM, 1, PASSWORD_MAX},
    {"code",     TEXT, MAY_SET | NULLABLE, 1, SECOND_FACTOR_CODE_MAX, .about = "from the authenticator app, or a recovery code"},
    {"device",   TEXT, MAY_SET | NULLABLE, 1, 200, .about = "a name for the session"},
    {"cookie",   FLAG, MAY_SET, .fallback = "false", .about = "set the refresh token as a cookie, for browsers"},
    {NULL},
};
static const struct field session_fields[] = {
    {"id",         REF,     0},
    {"device",     TEXT,    MAY_EDIT, 1, 200, .about = "its name, initially the User-Agent"},
    {"ip",         TEXT,    0},
    {"createdAt",  INSTANT, 0},
    {"lastUsedAt", INSTANT, 0},
    {"confirmedAt",INSTANT, NULLABLE, .about = "when its password was last given"},
    {"expiresAt",  INSTANT, 0},
    {"current",    FLAG,    VIRTUAL, .about = "true for the session that sends the request"},
    {NULL},
};
static const struct field session_confirm_fields[] = {
    {"password", TEXT, MUST_SET | VERBATIM, 1, PASSWORD_MAX},
    {"code",     TEXT, MAY_SET | NULLABLE, 1, SECOND_FACTOR_CODE_MAX, .about = "needed when two-factor authentication is on"},
    {NULL},
};
static const struct field opened_fields[] = {
    {"user",         NESTED,  0, .items = user_fields},
    {"accessToken",  TEXT,    0, .about = "a JWT for the Authorization header"},
    {"refreshToken", TEXT,    NULLABLE, .about = "can be used once; null when it was set as a cookie"},
    {"expiresIn",    INTEGER, 0, .about = "lifetime of the access token in seconds"},
    {NULL},
};
/* clang-format on */

const struct shape login_shape = {"Login", login_fields};
const struct shape session_shape = {"Session", session_fields};
const struct shape session_confirm_shape = {"SessionConfirmation", session_confirm_fields};
const struct shape opened_shape = {"OpenedSession", opened_fields};

struct opening {
    struct request *r;
    const char *device; /* NULL: the User-Agent */
    const bson_t *user;
    const char *new_hash;             /* the new hash if its cost was raised; NULL: keep */
    struct second_factor_proof proof; /* of the second factor, if the account has one */
    bool new_device;
};

/*
 * Queues an email, unless a session of the last month, opened after the last credential event,
 * shows that the log-in is from a known device.  A thief's browser can send the owner's User-Agent,
 * so the browser must also have logged in before, according to its cookie, or use the same address.
 */
static enum err
tell_if_new(struct opening *o, struct change *change, bool *new)
{
    struct request *r = o->r;
    const char *agent = session_open_agent(r);
    const bson_oid_t *user = doc_id(o->user, "_id");
    bson_t *same = request_keep(r, BCON_NEW("userId", BCON_OID(user), "agent", BCON_UTF8(agent),
                                            "generation",
                                            BCON_INT64(doc_int(o->user, "credentialGen")))),
           *doc;
    char id[ID_TEXT];
    enum err err;

    bson_oid_to_string(user, id);
    if (cookie_device(r, id) == NULL)
        BSON_APPEND_UTF8(same, "ip", r->address == NULL ? "" : r->address);
    err = store_get(change_store(change), STORE_SESSIONS, same, NULL, &doc);
    *new = err == ERR_NOT_FOUND;
    if (err == ERR_NONE)
        request_keep(r, doc);
    if (!*new)
        return err;
    return queue_message(change, MESSAGE_NEW_DEVICE, doc_text(o->user, "email"), NOTICE_MS, "name",
                         message_words_greeting(r, o->user), "device",
                         *agent == '\0' ? "A program that does not say what it is"
                                        : message_words_unlinked(r, agent),
                         "ip", message_words_ip(r), "link",
                         message_words_link(r, "password-resets", NULL), NULL);
}

/* Stores a hash at the raised cost; only the hash that was checked is replaced. */
static enum err
upgrade_hash(struct opening *o, struct change *change)
{
    bson_t *filter =
        request_keep(o->r, BCON_NEW("_id", BCON_OID(doc_id(o->user, "_id")), "passwordHash",
                                    BCON_UTF8(doc_text(o->user, "passwordHash"))));
    bson_t *set =
        request_keep(o->r, BCON_NEW("$set", "{", "passwordHash", BCON_UTF8(o->new_hash), "}"));

    return store_update(change_store(change), STORE_USERS, filter, set, NULL);
}

/*
 * The password was right when it was checked: is it still?  If not, the session would be of an
 * older generation and therefore invalid, so the log-in is refused.
 */
static enum err
check_generation(struct opening *o)
{
    const bson_t *now;
    enum err err = request_fetch(o->r, STORE_USERS, doc_id(o->user, "_id"), &now);

    if (err == ERR_NOT_FOUND ||
        (err == ERR_NONE && doc_int(now, "credentialGen") != doc_int(o->user, "credentialGen")))
        return request_fail(o->r, ERR_BAD_LOGIN, "the account has been changed in the meantime");
    return err;
}

/* A user who logs in again within the grace period keeps the account. */
static enum err
reopen_account(struct request *r, struct change *change, const bson_t *user)
{
    bson_t *who =
        request_keep(r, BCON_NEW("_id", BCON_OID(doc_id(user, "_id")), "purgeBegunAt", BCON_NULL));
    bson_t *set = request_keep(r, BCON_NEW("$unset", "{", "deletedAt", "", "}"));
    int64_t matched;
    enum err err = store_update(change_store(change), STORE_USERS, who, set, &matched);

    if (err == ERR_NONE && matched == 0)
        return request_fail(r, ERR_BAD_LOGIN, "the account is being deleted");
    if (err != ERR_NONE)
        return err;
    return queue_message(change, MESSAGE_ACCOUNT_KEPT, doc_text(user, "email"), NOTICE_MS, "name",
                         message_words_greeting(r, user), "ip", message_words_ip(r), "link",
                         message_words_link(r, "password-resets", NULL), NULL);
}

static enum err
open_session(struct change *change, void *arg)
{
    struct opening *o = arg;
    enum err err = check_generation(o);

    if (err == ERR_NONE)
        err = tell_if_new(o, change, &o->new_device);
    if (err == ERR_NONE && second_factor_wanted(o->user))
        err = second_factor_use(o->r, change, o->user, &o->proof);
    if (err == ERR_NONE)
        err = session_open(o->r, change, o->user, o->device);
    if (err == ERR_NONE && o->new_hash != NULL)
        err = upgrade_hash(o, change);
    if (err == ERR_NONE && doc_has(o->user, "deletedAt"))
        err = reopen_account(o->r, change, o->user);
    o->r->reply.location = "/v1/sessions/current";
    return err;
}

enum err
sessions_open(struct request *r)
{
    struct opening o = {.r = r};
    struct change_plan plan = {.fn = open_session, .arg = &o};
    bson_t *body = request_keep(r, bson_new());
    char hash[PASSWORD_STORED];
    const char *login, *bucket;
    bool right, outdated;
    enum err err;

    if ((err = doc_read(r, DOC_CREATE, login_fields, r->json, body)) != ERR_NONE)
        return err;
    login = account_login(r, doc_text(body, "login"));
    if ((err = session_open_cookie(r, body)) != ERR_NONE ||
        (err = account_find(r, login, &o.user)) != ERR_NONE)
        return err;
    bucket = account_bucket(r, o.user, login);
    limits_hashing(r, bucket);
    if ((err = limits_try(r, bucket)) != ERR_NONE ||
        (err = password_check(doc_text(body, "password"),
                              o.user == NULL ? NULL : doc_text(o.user, "passwordHash"), &right,
                              &outdated)) != ERR_NONE)
        return err;
    if (right && second_factor_wanted(o.user) && !doc_has(body, "code"))
        return ERR_CODE_NEEDED;
    if (right && second_factor_wanted(o.user))
        right = second_factor_check(o.user, doc_text(body, "code"), &o.proof);
    limits_tried(r, bucket, right);
    if (!right)
        audit(r, "session.refused", o.user == NULL ? NULL : doc_id(o.user, "_id"));
    if (!right)
        return request_fail(r, ERR_BAD_LOGIN, "wrong login, password or code");
    if (outdated && password_hash(doc_text(body, "password"), hash) == ERR_NONE)
        o.new_hash = hash;
    o.device = doc_text(body, "device");
    if ((err = request_change(r, &plan)) != ERR_NONE)
        return err;
    account_known_device(r, o.user);
    audit_of(r, "session.opened", doc_id(o.user, "_id"), "device", o.new_device ? "new" : "known");
    session_end_oldest(r, o.user);
    return ERR_NONE;
}

static void
write_session(struct request *r, struct text *out, const bson_t *doc)
{
    bool current = bson_oid_equal(doc_id(doc, "_id"), &r->session_id);

    doc_write_with(out, &session_shape, doc, current ? ",\"current\":true" : ",\"current\":false");
}

static const struct order session_orders[] = {{"-createdAt", {"-createdAt"}}, {NULL}};
const struct list session_list = {.store = STORE_SESSIONS, .orders = session_orders};

enum err
sessions_list(struct request *r)
{
    bson_t *base =
        request_keep(r, BCON_NEW("userId", BCON_OID(&r->user_id), "revokedAt", BCON_NULL,
                                 "expiresAt", "{", "$gt", BCON_DATE_TIME(clock_now()), "}"));
    const bson_t *user;
    bson_t current;
    enum err err = request_fetch(r, STORE_USERS, &r->user_id, &user);

    if (err != ERR_NONE)
        return err;
    if (doc_int(user, "credentialGen") > 0) { /* sessions of older generations have ended */
        BSON_APPEND_DOCUMENT_BEGIN(base, "generation", &current);
        BSON_APPEND_INT64(&current, "$gte", doc_int(user, "credentialGen"));
        bson_append_document_end(base, &current);
    }
    return page_reply(r, base, write_session);
}

struct naming {
    struct request *r;
    const char *device;
};

static enum err
rename_session(struct change *change, void *arg)
{
    struct naming *n = arg;
    struct request *r = n->r;
    bson_oid_t id = r->session_id;
    bson_t *filter, *set, *after;
    int64_t matched;
    enum err err = ERR_NONE;

    if (strcmp(r->args[0], "current") != 0 && (err = request_id_arg(r, 0, &id)) != ERR_NONE)
        return err;
    filter = request_keep(
        r, BCON_NEW("_id", BCON_OID(&id), "userId", BCON_OID(&r->user_id), "revokedAt", BCON_NULL));
    set = request_keep(r, BCON_NEW("$set", "{", "device", BCON_UTF8(n->device), "}"));
    err = store_update(change_store(change), STORE_SESSIONS, filter, set, &matched);
    if (err == ERR_NONE && matched == 0)
        err = ERR_NOT_FOUND;
    if (err == ERR_NONE)
        err = store_get(change_store(change), STORE_SESSIONS, filter, NULL, &after);
    if (err == ERR_NONE)
        write_session(r, reply_json(r, 200), request_keep(r, after));
    return err;
}

enum err
sessions_rename(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    struct naming n = {.r = r};
    struct change_plan plan = {.fn = rename_session, .arg = &n};
    enum err err = doc_read(r, DOC_CHANGE, session_fields, r->json, body);

    if (err == ERR_NONE && (n.device = doc_text(body, "device")) == NULL) {
        request_complain(r, "/device", "required", "is required");
        err = ERR_INVALID;
    }
    return err == ERR_NONE ? request_change(r, &plan) : err;
}

static enum err
end_one(struct change *change, void *arg)
{
    struct session_end *e = arg;
    enum err err = session_end_run(e, change);

    if (err == ERR_NONE && e->ended_count == 0)
        return ERR_NOT_FOUND;
    return err == ERR_NONE ? reply_empty(e->r, 204) : err;
}

enum err
sessions_end(struct request *r)
{
    struct session_end e = {.r = r, .user = &r->user_id, .count = 1};
    struct change_plan plan = {.fn = end_one, .arg = &e};
    enum err err = ERR_NONE;

    e.sessions[0] = r->session_id;
    if (strcmp(r->args[0], "current") != 0)
        err = request_id_arg(r, 0, &e.sessions[0]);
    session_end_plan(r, &r->user_id, &plan);
    if (err != ERR_NONE || (err = request_change(r, &plan)) != ERR_NONE)
        return err;
    session_end_publish(&e);
    if (bson_oid_equal(&e.sessions[0], &r->session_id) && cookie_read(r) != NULL)
        cookie_clear(r);
    audit_of(r, "session.ended", &r->user_id, "ended", r->args[0]);
    return ERR_NONE;
}

static enum err
end_others(struct change *change, void *arg)
{
    struct credential_event *e = arg;
    enum err err = credentials_renew(e, change);

    return err == ERR_NONE ? reply_empty(e->r, 204) : err;
}

enum err
sessions_end_others(struct request *r)
{
    struct credential_event e = {
        .r = r, .user = &r->user_id, .keep = &r->session_id, .keep_api_tokens = true};
    struct change_plan plan = {.fn = end_others, .arg = &e};
    enum err err;

    credentials_plan(&e, &plan);
    if ((err = request_change(r, &plan)) != ERR_NONE)
        return err;
    credentials_publish(&e);
    audit(r, "session.others-ended", &r->user_id);
    return ERR_NONE;
}

struct confirming {
    struct request *r;
    const bson_t *user;
    struct second_factor_proof proof;
};

static enum err
note_confirmed(struct change *change, void *arg)
{
    struct confirming *c = arg;
    struct request *r = c->r;
    bson_t *own = request_keep(r, BCON_NEW("_id", BCON_OID(&r->session_id)));
    bson_t *set = request_keep(
        r, BCON_NEW("$set", "{", "confirmedAt", BCON_DATE_TIME(change_now(change)), "}"));
    const bson_t *user;
    enum err err;

    if ((err = account_proof_use(r, change, c->user, &c->proof)) != ERR_NONE ||
        (err = credentials_current(r, c->user, &user)) != ERR_NONE ||
        (err = store_update(change_store(change), STORE_SESSIONS, own, set, NULL)) != ERR_NONE)
        return err;
    return reply_empty(r, 204);
}

enum err
sessions_confirm(struct request *r)
{
    struct confirming c = {.r = r};
    struct change_plan plan = {.fn = note_confirmed, .arg = &c};
    struct account_secrets given = {.pointer = "/password"};
    bson_t *body = request_keep(r, bson_new());
    enum err err = doc_read(r, DOC_CREATE, session_confirm_fields, r->json, body);

    given.password = doc_text(body, "password");
    given.code = doc_text(body, "code");
    if (err != ERR_NONE ||
        (err = request_fetch(r, STORE_USERS, &r->user_id, &c.user)) != ERR_NONE ||
        (err = account_proof_check(r, c.user, &given, &c.proof)) != ERR_NONE ||
        (err = request_change(r, &plan)) != ERR_NONE)
        return err;
    audit(r, "session.confirmed", &r->user_id);
    return ERR_NONE;
}
