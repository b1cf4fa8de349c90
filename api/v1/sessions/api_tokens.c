/*
 * /v1/api-tokens: tokens for programs that act for a user.
 */
#include "api/v1/handlers.h"

#include <string.h>

#include "api/access/api_token_auth.h"
#include "api/access/audit.h"
#include "api/access/read_access.h"
#include "api/account/credentials.h"
#include "api/account/message_words.h"
#include "api/account/one_time.h"
#include "api/crud/page.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "common/base/id.h"
#include "common/secrets/token.h"
#include "common/time/clock.h"

#define TOKENS_MAX   100 /* of one user */
#define PROJECTS_MAX 50  /* of one token */

/* clang-format off */
static const struct field create_fields[] = {
    {"name",      TEXT,    MUST_SET,           1, 100},
    {"scopes",    SLUGS,   MUST_SET,           0, 3, .about = "read, write or admin; each includes the ones before it"},
    {"expiresAt", INSTANT, MAY_SET | NULLABLE},
    {"projectIds", REFS,   MAY_SET | NULLABLE, 0, PROJECTS_MAX, .about = "limits the token to these projects: everything else is hidden from it, and it can create nothing elsewhere; null for no limit"},
    {NULL},
};
#define TOKEN_FIELDS                                                                                \
    {"id",         REF,     0},                                                                     \
    {"name",       TEXT,    0},                                                                     \
    {"scopes",     SLUGS,   0},                                                                     \
    {"projectIds", REFS,    NULLABLE, .about = "the projects it is limited to; null for no limit"}, \
    {"createdAt",  INSTANT, 0},                                                                     \
    {"expiresAt",  INSTANT, NULLABLE},                                                              \
    {"lastUsedAt", INSTANT, NULLABLE}

static const struct field token_fields[] = {
    TOKEN_FIELDS,
    {NULL},
};
static const struct field made_fields[] = {
    TOKEN_FIELDS,
    {"token",      TEXT,    VIRTUAL, .about = "shown only now"},
    {NULL},
};
/* clang-format on */

const struct shape api_token_create_shape = {"ApiTokenCreate", create_fields};
const struct shape api_token_shape = {"ApiToken", token_fields};
const struct shape api_token_made_shape = {"ApiTokenMade", made_fields};

struct making {
    struct request *r;
    const bson_t *body;
};

static void
judge_scopes(struct request *r, const bson_t *body)
{
    bson_iter_t iter, list;
    int count = 0;

    if (!bson_iter_init_find(&iter, body, "scopes") || !bson_iter_recurse(&iter, &list))
        return;
    for (; bson_iter_next(&list); count++) {
        bool known = false;

        for (int i = 0; api_token_auth_scopes[i] != NULL; i++)
            known = known || strcmp(api_token_auth_scopes[i], bson_iter_utf8(&list, NULL)) == 0;
        if (!known)
            request_complain(r, arena_printf(r->arena, "/scopes/%s", bson_iter_key(&list)),
                             "choice", "must be one of read, write, admin");
    }
    if (count == 0)
        request_complain(r, "/scopes", "too-short", "must not be empty");
}

/* A token can be bound only to projects that its owner may read now. */
static enum err
judge_projects(struct request *r, const bson_t *body)
{
    bson_iter_t iter, list;
    int count = 0;

    if (!doc_has(body, "projectIds") || !bson_iter_init_find(&iter, body, "projectIds") ||
        !bson_iter_recurse(&iter, &list))
        return ERR_NONE;
    for (; bson_iter_next(&list); count++) {
        enum err err = read_access_project(r, bson_iter_oid(&list), true);

        if (err == ERR_NOT_FOUND)
            request_complain(r, arena_printf(r->arena, "/projectIds/%s", bson_iter_key(&list)),
                             "not-found", "must be a project that you can read");
        else if (err != ERR_NONE)
            return err;
    }
    if (count == 0)
        request_complain(r, "/projectIds", "too-short", "must not be empty");
    return ERR_NONE;
}

/* "read, write" for the email; and how many projects the token is bound to. */
static const char *
scopes_in_words(struct request *r, const bson_t *doc)
{
    const char *words = "";
    bson_iter_t iter, list;

    if (bson_iter_init_find(&iter, doc, "scopes") && bson_iter_recurse(&iter, &list))
        while (bson_iter_next(&list))
            words = arena_printf(r->arena, "%s%s%s", words, *words == '\0' ? "" : ", ",
                                 bson_iter_utf8(&list, NULL));
    if (doc_has(doc, "projectIds") && bson_iter_init_find(&iter, doc, "projectIds") &&
        bson_iter_recurse(&iter, &list)) {
        int count = 0;

        while (bson_iter_next(&list))
            count++;
        words = arena_printf(r->arena, count == 1 ? "%s, in %d project" : "%s, in %d projects",
                             words, count);
    }
    return words;
}

static bson_t *
new_token(struct making *m, struct change *change, const bson_t *user,
          char secret[TOKEN_SECRET + 4])
{
    bson_t *doc = request_keep(m->r, bson_new());
    char hash[TOKEN_HASH];
    bson_oid_t id;

    strcpy(secret, API_TOKEN_PREFIX);
    token_secret(secret + strlen(API_TOKEN_PREFIX), hash);
    token_hash(hash, secret);
    bson_oid_init(&id, NULL);
    BSON_APPEND_OID(doc, "_id", &id);
    BSON_APPEND_UTF8(doc, "purpose", API_TOKEN_PURPOSE);
    BSON_APPEND_UTF8(doc, "hash", hash);
    BSON_APPEND_OID(doc, "userId", &m->r->user_id);
    BSON_APPEND_DATE_TIME(doc, "createdAt", change_now(change));
    BSON_APPEND_INT64(doc, "generation", doc_int(user, "apiTokenGen"));
    bson_concat(doc, m->body);
    return doc;
}

static enum err
make_token(struct change *change, void *arg)
{
    struct making *m = arg;
    struct request *r = m->r;
    char secret[TOKEN_SECRET + 4], hex[ID_TEXT];
    struct one_time_count most = {.purpose = API_TOKEN_PURPOSE, .count = TOKENS_MAX};
    bson_t *doc;
    bool enough;
    enum err err = credentials_current(r, NULL, &most.user);
    const bson_t *user = most.user;

    if (err == ERR_NONE)
        err = one_time_reached(r, &most, &enough);
    if (err == ERR_NONE && enough)
        return request_fail(r, ERR_CONFLICT, "you already have %d tokens", TOKENS_MAX);
    if (err != ERR_NONE)
        return err;
    doc = new_token(m, change, user, secret);
    if ((err = store_insert(change_store(change), STORE_TOKENS, doc)) != ERR_NONE)
        return err;
    bson_oid_to_string(doc_id(doc, "_id"), hex);
    doc_write_with(reply_json(r, 201), &api_token_shape, doc,
                   arena_printf(r->arena, ",\"token\":\"%s\"", secret));
    r->reply.location = arena_printf(r->arena, "/v1/api-tokens/%s", hex);
    return queue_message(change, MESSAGE_API_TOKEN, doc_text(user, "email"), NOTICE_MS, "name",
                         message_words_greeting(r, user), "title",
                         message_words_unlinked(r, doc_text(doc, "name")), "ip",
                         message_words_ip(r), "scopes", scopes_in_words(r, doc), "link",
                         message_words_link(r, "password-resets", NULL), NULL);
}

enum err
api_tokens_create(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    struct making m = {r, body};
    struct change_plan plan = {.fn = make_token, .arg = &m};
    int64_t expires;
    enum err err = doc_read(r, DOC_CREATE, create_fields, r->json, body);

    if (err != ERR_NONE && err != ERR_INVALID)
        return err;
    judge_scopes(r, body);
    if ((err = judge_projects(r, body)) != ERR_NONE)
        return err;
    if (doc_time(body, "expiresAt", &expires) && expires <= clock_now())
        request_complain(r, "/expiresAt", "range", "must be in the future");
    if ((err = request_validated(r)) != ERR_NONE || (err = request_change(r, &plan)) != ERR_NONE)
        return err;
    audit(r, "api-token.made", &r->user_id);
    return ERR_NONE;
}

static void
write_token(struct request *r, struct text *out, const bson_t *doc)
{
    (void)r;
    doc_write(out, &api_token_shape, doc);
}

static const struct order api_token_orders[] = {{"-createdAt", {"-createdAt"}}, {NULL}};
const struct list api_token_list = {.store = STORE_TOKENS, .orders = api_token_orders};

enum err
api_tokens_list(struct request *r)
{
    bson_t *base = request_keep(
        r, BCON_NEW("userId", BCON_OID(&r->user_id), "purpose", BCON_UTF8(API_TOKEN_PURPOSE)));

    return page_reply(r, base, write_token);
}

static enum err
remove_token(struct change *change, void *arg)
{
    struct request *r = arg;
    bson_oid_t id;
    bson_t *filter, *doc;
    enum err err = request_id_arg(r, 0, &id);

    if (err != ERR_NONE)
        return err;
    filter = request_keep(r, BCON_NEW("_id", BCON_OID(&id), "userId", BCON_OID(&r->user_id),
                                      "purpose", BCON_UTF8(API_TOKEN_PURPOSE)));
    if ((err = store_get(change_store(change), STORE_TOKENS, filter, NULL, &doc)) != ERR_NONE)
        return err;
    request_keep(r, doc);
    err = store_remove(change_store(change), STORE_TOKENS, filter);
    return err == ERR_NONE ? reply_empty(r, 204) : err;
}

enum err
api_tokens_remove(struct request *r)
{
    struct change_plan plan = {.fn = remove_token, .arg = r};
    enum err err = request_change(r, &plan);

    if (err == ERR_NONE)
        audit_of(r, "api-token.removed", &r->user_id, "token", r->args[0]);
    return err;
}
