/*
 * /v1/sessions: log in, list, refresh, end.
 */
#include "api/v1/handlers.h"

#include <string.h>

#include "api/audit.h"
#include "api/crud.h"
#include "api/doc.h"
#include "api/jobs/queue.h"
#include "api/limits.h"
#include "api/reply.h"
#include "api/request.h"
#include "api/v1/account.h"
#include "api/v1/endings.h"
#include "api/v1/me_leave.h"
#include "api/v1/totp.h"
#include "common/clock.h"
#include "common/password.h"
#include "common/token.h"

#define GRACE_MS   10000 /* a lost reply may be asked for again so long (design 4) */
#define SESSION_MS (30LL * 86400 * 1000)

/* clang-format off */
static const struct field login_fields[] = {
    {"login",    TEXT, MUST_SET, 1, 254},
    {"password", TEXT, MUST_SET, 1, PASSWORD_MAX},
    {"code",     TEXT, MAY_SET | NULLABLE, 1, 40, .about = "of the second factor, or a recovery code"},
    {NULL},
};
static const struct field refresh_fields[] = {
    {"refreshToken", TEXT, MUST_SET, 1, 200},
    {NULL},
};
static const struct field session_fields[] = {
    {"id",         REF,     0},
    {"device",     TEXT,    0},
    {"ip",         TEXT,    0},
    {"createdAt",  INSTANT, 0},
    {"lastUsedAt", INSTANT, 0},
    {"expiresAt",  INSTANT, 0},
    {"current",    FLAG,    VIRTUAL, .about = "is it the one that asks"},
    {NULL},
};
static const struct field opened_fields[] = {
    {"user",         NESTED,  0, .items = user_fields},
    {"accessToken",  TEXT,    0, .about = "a JWT for the Authorization header"},
    {"refreshToken", TEXT,    0, .about = "good for one refresh"},
    {"expiresIn",    INTEGER, 0, .about = "seconds that the access token lives"},
    {NULL},
};
/* clang-format on */

const struct shape login_shape = {"Login", login_fields};
const struct shape refresh_shape = {"Refresh", refresh_fields};
const struct shape session_shape = {"Session", session_fields};
const struct shape opened_shape = {"OpenedSession", opened_fields};

struct opening {
    struct request *r;
    const bson_t *user;
    const char *new_hash;    /* the password's, when its cost was raised; NULL: keep */
    struct totp_proof proof; /* of the second factor, if the account has one */
};

static enum err
open_session(struct change *change, void *arg)
{
    struct opening *o = arg;
    enum err err = ERR_NONE;

    if (totp_wanted(o->user))
        err = totp_use(o->r, change, o->user, &o->proof);
    if (err == ERR_NONE)
        err = account_open_session(o->r, change, o->user);

    if (err == ERR_NONE && o->new_hash != NULL) {
        bson_t *filter = BCON_NEW("_id", BCON_OID(doc_id(o->user, "_id")));
        bson_t *set = BCON_NEW("$set", "{", "passwordHash", BCON_UTF8(o->new_hash), "}");

        err = store_update(change_store(change), STORE_USERS, filter, set, NULL);
        bson_destroy(filter);
        bson_destroy(set);
    }
    if (err == ERR_NONE && doc_has(o->user, "deletedAt"))
        err = me_stay(o->r, change, o->user);
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
    const char *login;
    bool right, outdated;
    enum err err;

    if ((err = doc_read(r, DOC_CREATE, login_fields, r->json, body)) != ERR_NONE)
        return err;
    login = account_login(r, doc_text(body, "login"));
    if ((err = limits_try(r, login)) != ERR_NONE ||
        (err = account_find(r, login, &o.user)) != ERR_NONE ||
        (err = password_check(doc_text(body, "password"),
                              o.user == NULL ? NULL : doc_text(o.user, "passwordHash"), &right,
                              &outdated)) != ERR_NONE)
        return err;
    if (right && totp_wanted(o.user) && !doc_has(body, "code"))
        return ERR_CODE_NEEDED;
    if (right && totp_wanted(o.user))
        right = totp_prove(o.user, doc_text(body, "code"), &o.proof);
    limits_tried(r, login, right);
    if (!right)
        return request_fail(r, ERR_BAD_LOGIN, "the login, the password or the code is wrong");
    if (outdated && password_hash(doc_text(body, "password"), hash) == ERR_NONE)
        o.new_hash = hash;
    return request_change(r, &plan);
}

static void
write_session(struct request *r, struct text *out, const bson_t *doc)
{
    bool current = bson_oid_equal(doc_id(doc, "_id"), &r->session_id);

    doc_write_with(out, &session_shape, doc, current ? ",\"current\":true" : ",\"current\":false");
}

static const struct filter no_filters[] = {{NULL}};
static const struct order session_orders[] = {{"-createdAt", {"-createdAt"}}, {NULL}};
static const struct list session_list = {no_filters, session_orders, NULL};

enum err
sessions_list(struct request *r)
{
    bson_t *base =
        request_keep(r, BCON_NEW("userId", BCON_OID(&r->user_id), "revokedAt", BCON_NULL,
                                 "expiresAt", "{", "$gt", BCON_DATE_TIME(clock_now()), "}"));

    return crud_page(r, STORE_SESSIONS, &session_list, base, write_session);
}

static enum err
end_sessions(struct change *change, void *arg)
{
    struct endings *e = arg;
    enum err err = endings_run(e, change);

    if (err == ERR_NONE && e->only != NULL && e->count == 0)
        return ERR_NOT_FOUND;
    return err == ERR_NONE ? reply_empty(e->r, 204) : err;
}

static enum err
run_endings(struct endings *e)
{
    struct change_plan plan = {.fn = end_sessions, .arg = e};
    enum err err = request_change(e->r, &plan);

    if (err == ERR_NONE)
        endings_tell(e);
    return err;
}

enum err
sessions_end(struct request *r)
{
    bson_oid_t id = r->session_id;
    struct endings e = {.r = r, .user = &r->user_id, .only = &id};
    enum err err;

    if (strcmp(r->args[0], "current") != 0 && (err = request_id_arg(r, 0, &id)) != ERR_NONE)
        return err;
    if ((err = run_endings(&e)) == ERR_NONE)
        audit_of(r, "session.ended", &r->user_id, "ended", r->args[0]);
    return err;
}

enum err
sessions_end_others(struct request *r)
{
    struct endings e = {.r = r, .user = &r->user_id, .except = &r->session_id};
    enum err err = run_endings(&e);

    if (err == ERR_NONE)
        audit(r, "session.others-ended", &r->user_id);
    return err;
}

struct punishment {
    struct endings endings;
    const bson_t *session, *user;
};

/* Whoever has it, the session is not safe. */
static enum err
punish(struct change *change, void *arg)
{
    struct punishment *p = arg;
    struct request *r = p->endings.r;
    enum err err = endings_run(&p->endings, change);

    if (err != ERR_NONE || p->endings.count == 0)
        return err;
    return queue_letter(change, JOB_LETTER, LETTER_SESSION_ENDED, doc_text(p->user, "email"),
                        NOTICE_MS, "name", account_greeting(r, p->user), "ip", account_ip(r),
                        "device", doc_text(p->session, "device"), "link",
                        account_link(r, "password-resets", NULL), NULL);
}

/* A token that was used before came back. */
static enum err
punish_replay(struct request *r, const bson_t *session, const bson_t *user)
{
    struct punishment p = {
        {.r = r, .user = doc_id(user, "_id"), .only = doc_id(session, "_id")}, session, user};
    struct change_plan plan = {.fn = punish, .arg = &p};

    r->key = NULL; /* a refusal is not recorded */
    if (request_change(r, &plan) == ERR_NONE) {
        endings_tell(&p.endings);
        audit(r, "session.replayed", p.endings.user);
    }
    return ERR_BAD_LOGIN;
}

/* The session and the secret that a refresh token names. */
static enum err
find_session(struct request *r, const char *token, const char **secret, const bson_t **session)
{
    const char *dot = strchr(token, '.');
    int64_t expires;
    bson_oid_t id;
    enum err err;

    if (dot == NULL || dot - token != 24 || strlen(dot + 1) != TOKEN_SECRET - 1 ||
        !bson_oid_is_valid(token, 24))
        return ERR_BAD_LOGIN;
    bson_oid_init_from_string(&id, arena_copy(r->arena, token, 24));
    *secret = dot + 1;
    err = crud_get(r, STORE_SESSIONS, &id, session);
    if (err == ERR_NONE && (doc_has(*session, "revokedAt") ||
                            !doc_time(*session, "expiresAt", &expires) || expires < clock_now()))
        err = ERR_NOT_FOUND;
    return err == ERR_NOT_FOUND ? ERR_BAD_LOGIN : err;
}

/* Puts the successor's hash in place of the current one, if that still stands. */
static enum err
rotate(struct request *r, const bson_t *session, const char *hash, const char *next_hash)
{
    int64_t now = clock_now(), matched;
    bson_t *filter = BCON_NEW("_id", BCON_OID(doc_id(session, "_id")), "refreshHash",
                              BCON_UTF8(hash), "revokedAt", BCON_NULL);
    bson_t *set = BCON_NEW("$set", "{", "refreshHash", BCON_UTF8(next_hash), "previousHash",
                           BCON_UTF8(hash), "rotatedAt", BCON_DATE_TIME(now), "lastUsedAt",
                           BCON_DATE_TIME(now), "expiresAt", BCON_DATE_TIME(now + SESSION_MS), "ip",
                           BCON_UTF8(r->address == NULL ? "" : r->address), "}");
    enum err err = store_update(r->store, STORE_SESSIONS, filter, set, &matched);

    bson_destroy(filter);
    bson_destroy(set);
    return err == ERR_NONE && matched == 0 ? ERR_RETRY : err;
}

enum err
sessions_refresh(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    char hash[TOKEN_HASH], next[TOKEN_SECRET], next_hash[TOKEN_HASH];
    const bson_t *session, *user;
    const char *secret, *current, *previous;
    enum err err;

    if ((err = doc_read(r, DOC_CREATE, refresh_fields, r->json, body)) != ERR_NONE ||
        (err = find_session(r, doc_text(body, "refreshToken"), &secret, &session)) != ERR_NONE ||
        (err = crud_get(r, STORE_USERS, doc_id(session, "userId"), &user)) != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_BAD_LOGIN : err;
    token_hash(hash, secret);
    token_successor(next, secret);
    token_hash(next_hash, next);
    current = doc_text(session, "refreshHash");
    if (strcmp(current, hash) == 0) {
        err = rotate(r, session, hash, next_hash);
        if (err == ERR_RETRY) /* a twin with the same token was faster: its successor is ours */
            err = ERR_NONE;
    } else {
        int64_t rotated = 0;

        previous = doc_text(session, "previousHash");
        doc_time(session, "rotatedAt", &rotated);
        if (previous == NULL || strcmp(previous, hash) != 0 || clock_now() - rotated > GRACE_MS)
            return punish_replay(r, session, user);
    }
    if (err == ERR_NONE)
        account_reply(r, 200, user, doc_id(session, "_id"), next);
    return err;
}
