/*
 * POST /v1/links/sessions: from a share link's token to an access token for its project.  Such a
 * session is only its access token; to go on, the reader sends the link's token again.  A token
 * that never existed, one that was deleted or has expired, and one whose project is in the trash
 * get the same answer after the same work.
 */
#include <stdlib.h>

#include "api/access/audit.h"
#include "api/http/doc_read.h"
#include "api/http/limits.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "common/base/id.h"
#include "common/secrets/password.h"
#include "common/secrets/token.h"
#include "common/time/clock.h"

/* clang-format off */
static const struct field session_fields[] = {
    {"token",    TEXT, MUST_SET, 1, 100},
    {"password", TEXT, MAY_SET | NULLABLE | VERBATIM, 1, PASSWORD_MAX, .about = "if the link has one"},
    {NULL},
};
static const struct field opened_fields[] = {
    {"accessToken", TEXT,    0, .about = "a JWT for the Authorization header"},
    {"expiresIn",   INTEGER, 0, .about = "its lifetime in seconds"},
    {"projectId",   REF,     0},
    {NULL},
};
/* clang-format on */

const struct shape link_session_shape = {"LinkSession", session_fields};
const struct shape link_session_opened_shape = {"OpenedLinkSession", opened_fields};

/*
 * The link with this token; NULL if it does not exist, leads to the trash, or has expired but for
 * less than a second.
 */
static enum err
find_link(struct request *r, const char *secret, const bson_t **out)
{
    static const bson_oid_t none;
    char hash[TOKEN_HASH];
    bson_t *filter, *doc = NULL;
    const bson_t *project;
    const bson_oid_t *id;
    int64_t expires;
    enum err err;

    token_hash(hash, secret);
    filter = request_keep(r, BCON_NEW("tokenHash", BCON_UTF8(hash)));
    err = store_get(r->store, STORE_LINKS, filter, NULL, &doc);
    if (err != ERR_NONE && err != ERR_NOT_FOUND)
        return err;
    *out = err == ERR_NONE ? request_keep(r, doc) : NULL;
    id = *out == NULL ? &none : doc_id(*out, "projectId");
    err = request_fetch(r, STORE_PROJECTS, id, &project);
    if (err != ERR_NONE && err != ERR_NOT_FOUND)
        return err;
    if (*out == NULL || err == ERR_NOT_FOUND || doc_has(project, "deletedAt") ||
        (doc_time(*out, "expiresAt", &expires) && expires < r->began + 1000))
        *out = NULL;
    return ERR_NONE;
}

/*
 * Wrong passwords are counted for the link, and a right one does not reset the count: while others
 * use the link, it would give back his attempts to someone who guesses.
 */
static enum err
check_password(struct request *r, const bson_t *link, const char *password)
{
    const char *stored = link == NULL ? NULL : doc_text(link, "passwordHash");
    const char *bucket = "";
    char id[ID_TEXT];
    bool right = false;
    enum err err = ERR_NONE;

    if (link != NULL && stored == NULL)
        return ERR_NONE;
    if (password == NULL)
        return link == NULL ? ERR_NONE
                            : request_fail(r, ERR_BAD_LOGIN, "the link needs its password");
    if (link != NULL) {
        bson_oid_to_string(doc_id(link, "_id"), id);
        bucket = arena_printf(r->arena, "link:%s", id);
        err = limits_try(r, bucket);
    }
    limits_hashing(r, bucket);
    if (err != ERR_NONE || (err = password_check(password, stored, &right, NULL)) != ERR_NONE ||
        link == NULL || right)
        return err;
    limits_tried(r, bucket, false);
    audit_of(r, "link.refused", NULL, "link", id);
    return request_fail(r, ERR_BAD_LOGIN, "the link's password is wrong");
}

/* The session ends with the link at the latest. */
static void
reply_opened(struct request *r, const bson_t *link)
{
    struct token token = {.link = true,
                          .expires = r->began / 1000 + TOKEN_SECONDS,
                          .generation = doc_int(link, "generation")};
    int64_t expires;
    char *access;

    bson_oid_to_string(doc_id(link, "_id"), token.user);
    bson_oid_to_string(doc_id(link, "projectId"), token.session);
    if (doc_time(link, "expiresAt", &expires) && expires / 1000 < token.expires)
        token.expires = expires / 1000;
    access = token_sign(&token);
    text_printf(reply_json(r, 201),
                "{\"accessToken\":\"%s\",\"expiresIn\":%lld,\"projectId\":\"%s\"}", access,
                (long long)(token.expires - r->began / 1000), token.session);
    free(access);
}

enum err
link_sessions_open(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    const bson_t *link;
    enum err err;

    if ((err = request_params_done(r)) != ERR_NONE ||
        (err = doc_read(r, DOC_CREATE, session_fields, r->json, body)) != ERR_NONE ||
        (err = find_link(r, doc_text(body, "token"), &link)) != ERR_NONE ||
        (err = check_password(r, link, doc_text(body, "password"))) != ERR_NONE)
        return err;
    if (link == NULL)
        return request_fail(r, ERR_NOT_FOUND, "the link does not exist or no longer works");
    reply_opened(r, link);
    return ERR_NONE;
}
