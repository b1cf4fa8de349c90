/*
 * Each request reads its token and its user, so that a token stops working as soon as it is removed
 * or a new password ends it.
 */
#include "api/access/api_token_auth.h"

#include <string.h>

#include "api/http/request.h"
#include "api/http/router.h"
#include "api/schema/doc.h"
#include "common/log.h"
#include "common/secrets/token.h"
#include "common/time/clock.h"

#define ADMIN_SCOPE 2     /* in api_token_auth_scopes */
#define USED_MS     60000 /* precision of lastUsedAt */

const char *const api_token_auth_scopes[] = {"read", "write", "admin", NULL};

bool
api_token_auth_is(const char *text)
{
    return strncmp(text, API_TOKEN_PREFIX, strlen(API_TOKEN_PREFIX)) == 0;
}

/*
 * The scope that the route requires, as an index of api_token_auth_scopes; -1: API tokens are not
 * accepted.
 */
static int
needed(const struct route *route)
{
    if (route->flags & PERSON)
        return -1;
    if (route->flags & ADMIN)
        return ADMIN_SCOPE;
    return route->method == GET || (route->flags & READS) ? 0 : 1;
}

static int
granted(const bson_t *token)
{
    bson_iter_t iter, list;
    int best = -1;

    if (bson_iter_init_find(&iter, token, "scopes") && bson_iter_recurse(&iter, &list))
        while (bson_iter_next(&list))
            for (int i = 0; api_token_auth_scopes[i] != NULL; i++)
                if (i > best && strcmp(bson_iter_utf8(&list, NULL), api_token_auth_scopes[i]) == 0)
                    best = i;
    return best;
}

static void
note_use(struct request *r, const bson_t *token)
{
    int64_t now = clock_now(), used = 0;
    bson_t *filter, *set;

    doc_time(token, "lastUsedAt", &used);
    if (now - used < USED_MS)
        return;
    filter = request_keep(r, BCON_NEW("_id", BCON_OID(doc_id(token, "_id"))));
    set = request_keep(r, BCON_NEW("$set", "{", "lastUsedAt", BCON_DATE_TIME(now), "}"));
    if (store_update(r->store, STORE_TOKENS, filter, set, NULL) != ERR_NONE)
        log_warn("api token: lastUsedAt was not updated");
}

/* Did a credential event end the user's API tokens after this one was made? */
static enum err
check_user(struct request *r, const bson_t *token)
{
    bson_t *who = request_keep(r, BCON_NEW("_id", BCON_OID(doc_id(token, "userId"))));
    bson_t *few = request_keep(r, BCON_NEW("projection", "{", "apiTokenGen", BCON_BOOL(true), "}"));
    bson_t *user;
    enum err err = store_get(r->store, STORE_USERS, who, few, &user);

    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_NO_AUTH : err;
    request_keep(r, user);
    return doc_int(token, "generation") == doc_int(user, "apiTokenGen") ? ERR_NONE : ERR_NO_AUTH;
}

/* Notes the projects that the token is bound to. */
static void
note_bound(struct request *r, const bson_t *token)
{
    bson_iter_t iter;
    const uint8_t *bytes;
    uint32_t len;
    bson_t list;

    if (!bson_iter_init_find(&iter, token, "projectIds") || !BSON_ITER_HOLDS_ARRAY(&iter))
        return;
    bson_iter_array(&iter, &len, &bytes);
    bson_init_static(&list, bytes, len);
    r->bound = request_keep(r, bson_copy(&list));
    bson_oid_to_string(doc_id(token, "_id"), r->bound_token);
}

enum err
api_token_auth_covers(struct request *r)
{
    int need = needed(r->route);

    if (!r->by_api_token)
        return ERR_NONE;
    if (need < 0)
        return request_fail(r, ERR_FORBIDDEN, "API tokens cannot be used for this");
    if (r->scope < need)
        return request_fail(r, ERR_FORBIDDEN, "the token lacks the scope %s",
                            api_token_auth_scopes[need]);
    /* A token bound to projects is accepted only by routes that check the binding. */
    if (r->bound != NULL && (r->route->flags & BOUND) == 0)
        return request_fail(r, ERR_FORBIDDEN, "the token is limited to certain projects");
    return ERR_NONE;
}

bool
api_token_auth_reaches(const struct request *r, const bson_oid_t *project)
{
    bson_iter_t iter;

    if (r->bound == NULL)
        return true;
    bson_iter_init(&iter, r->bound);
    while (bson_iter_next(&iter))
        if (bson_oid_equal(bson_iter_oid(&iter), project))
            return true;
    return false;
}

void
api_token_auth_within(const struct request *r, const char *field, bson_t *filter)
{
    if (r->bound != NULL)
        doc_in(filter, field, r->bound);
}

enum err
api_token_auth_check(struct request *r, const char *text)
{
    char hash[TOKEN_HASH];
    bson_t *filter, *token;
    int64_t expires;
    enum err err;

    token_hash(hash, text);
    filter = request_keep(r, BCON_NEW("hash", BCON_UTF8(hash)));
    err = store_get(r->store, STORE_TOKENS, filter, NULL, &token);
    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_NO_AUTH : err;
    request_keep(r, token);
    if (doc_time(token, "expiresAt", &expires) && expires <= clock_now())
        return ERR_NO_AUTH;
    if ((err = check_user(r, token)) != ERR_NONE)
        return err;
    r->user_id = *doc_id(token, "userId");
    bson_oid_to_string(&r->user_id, r->user);
    r->by_api_token = true;
    r->scope = granted(token);
    note_bound(r, token);
    if ((err = api_token_auth_covers(r)) != ERR_NONE)
        return err;
    r->limited = r->scope < ADMIN_SCOPE;
    note_use(r, token);
    return ERR_NONE;
}
