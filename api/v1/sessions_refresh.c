/*
 * /v1/sessions/refresh: each token is good for one use, and its use gives the
 * next.  One that comes back later was copied, and ends the session.
 */
#include "api/v1/handlers.h"

#include <string.h>

#include "api/audit.h"
#include "api/cookie.h"
#include "api/crud.h"
#include "api/doc.h"
#include "api/jobs/queue.h"
#include "api/request.h"
#include "api/v1/account.h"
#include "api/v1/endings.h"
#include "common/clock.h"
#include "common/token.h"

#define GRACE_MS 10000 /* a lost reply may be asked for again so long (design 4) */

/* clang-format off */
static const struct field refresh_fields[] = {
    {"refreshToken", TEXT, MAY_SET | NULLABLE, 1, 200, .about = "none: it came as a cookie"},
    {NULL},
};
/* clang-format on */

const struct shape refresh_shape = {"Refresh", refresh_fields};

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
    bson_t *set =
        BCON_NEW("$set", "{", "refreshHash", BCON_UTF8(next_hash), "previousHash", BCON_UTF8(hash),
                 "rotatedAt", BCON_DATE_TIME(now), "lastUsedAt", BCON_DATE_TIME(now), "expiresAt",
                 BCON_DATE_TIME(account_session_end(session, now)), "ip",
                 BCON_UTF8(r->address == NULL ? "" : r->address), "}");
    enum err err = store_update(r->store, STORE_SESSIONS, filter, set, &matched);

    bson_destroy(filter);
    bson_destroy(set);
    return err == ERR_NONE && matched == 0 ? ERR_RETRY : err;
}

/* What the body holds, or else the cookie of a browser on a page of ours. */
static enum err
find_token(struct request *r, const char **token)
{
    bson_t *body = request_keep(r, bson_new());
    enum err err = doc_read(r, DOC_CREATE, refresh_fields, r->json, body);

    *token = doc_text(body, "refreshToken");
    if (err != ERR_NONE || *token != NULL)
        return err;
    if ((*token = cookie_read(r)) == NULL) {
        request_complain(r, "/refreshToken", "required", "is required, since there is no cookie");
        return ERR_INVALID;
    }
    r->cookie_mode = true;
    return cookie_same_site(r);
}

/* The token was good; answers with its successor, which a repetition gets again. */
static enum err
refresh(struct request *r, const bson_t *session, const bson_t *user, const char *secret)
{
    char hash[TOKEN_HASH], next[TOKEN_SECRET], next_hash[TOKEN_HASH];
    const char *previous = doc_text(session, "previousHash");
    int64_t rotated = 0;
    enum err err = ERR_NONE;

    token_hash(hash, secret);
    token_successor(next, secret);
    token_hash(next_hash, next);
    if (strcmp(doc_text(session, "refreshHash"), hash) == 0) {
        err = rotate(r, session, hash, next_hash);
        if (err == ERR_RETRY) /* a twin with the same token was faster: its successor is ours */
            err = ERR_NONE;
    } else {
        doc_time(session, "rotatedAt", &rotated);
        if (previous == NULL || strcmp(previous, hash) != 0 || clock_now() - rotated > GRACE_MS)
            return punish_replay(r, session, user);
    }
    if (err == ERR_NONE)
        account_reply(r, 200, user, doc_id(session, "_id"), next);
    return err;
}

enum err
sessions_refresh(struct request *r)
{
    const bson_t *session, *user;
    const char *token, *secret;
    enum err err = find_token(r, &token);

    if (err != ERR_NONE)
        return err;
    if ((err = find_session(r, token, &secret, &session)) == ERR_NONE)
        err = crud_get(r, STORE_USERS, doc_id(session, "userId"), &user);
    if (err == ERR_NONE)
        err = refresh(r, session, user, secret);
    if (err == ERR_NOT_FOUND)
        err = ERR_BAD_LOGIN;
    if (err == ERR_BAD_LOGIN && r->cookie_mode)
        cookie_clear(r);
    return err;
}
