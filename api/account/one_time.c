/*
 * The hash is the document's _id.  A secret of 256 random bits needs no slow hash.
 */
#include "api/account/one_time.h"

#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/change/change.h"
#include "common/time/clock.h"

enum err
one_time_add(struct change *change, const struct one_time *what, char secret[TOKEN_SECRET])
{
    char hash[TOKEN_HASH];
    bson_t doc = BSON_INITIALIZER;
    enum err err;

    token_secret(secret, hash);
    BSON_APPEND_UTF8(&doc, "_id", hash);
    BSON_APPEND_UTF8(&doc, "purpose", what->purpose);
    BSON_APPEND_OID(&doc, "userId", doc_id(what->user, "_id"));
    BSON_APPEND_INT64(&doc, "generation", doc_int(what->user, "credentialGen"));
    BSON_APPEND_DATE_TIME(&doc, "createdAt", change_now(change));
    BSON_APPEND_DATE_TIME(&doc, "expiresAt", change_now(change) + what->life);
    if (what->more != NULL)
        bson_concat(&doc, what->more);
    err = store_insert(change_store(change), STORE_TOKENS, &doc);
    bson_destroy(&doc);
    return err;
}

bool
one_time_current(const bson_t *token, const bson_t *user)
{
    return doc_int(token, "generation") == doc_int(user, "credentialGen");
}

enum err
one_time_reached(struct request *r, const struct one_time_count *what, bool *reached)
{
    bson_t *recent = request_keep(r, BCON_NEW("userId", BCON_OID(doc_id(what->user, "_id")),
                                              "purpose", BCON_UTF8(what->purpose), "createdAt", "{",
                                              "$gt", BCON_DATE_TIME(what->since), "}"));
    bson_t *last = request_keep(r, BCON_NEW("skip", BCON_INT64(what->count - 1), "projection", "{",
                                            "_id", BCON_BOOL(true), "}"));
    bson_t *doc;
    enum err err;

    if (what->current)
        BSON_APPEND_INT64(recent, "generation", doc_int(what->user, "credentialGen"));
    err = store_get(r->store, STORE_TOKENS, recent, last, &doc);
    *reached = err == ERR_NONE;
    if (err == ERR_NONE)
        request_keep(r, doc);
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

static enum err
refuse(struct request *r)
{
    return request_fail(r, ERR_BAD_LOGIN, "the token is invalid or has expired");
}

enum err
one_time_find(struct request *r, const char *purpose, const char *secret, const bson_t **out)
{
    char hash[TOKEN_HASH];
    bson_t *filter, *doc;
    enum err err;

    token_hash(hash, secret);
    filter = request_keep(r, BCON_NEW("_id", BCON_UTF8(hash), "purpose", BCON_UTF8(purpose),
                                      "expiresAt", "{", "$gt", BCON_DATE_TIME(clock_now()), "}"));
    err = store_get(r->store, STORE_TOKENS, filter, NULL, &doc);
    if (err == ERR_NONE)
        *out = request_keep(r, doc);
    return err == ERR_NOT_FOUND ? refuse(r) : err;
}

enum err
one_time_forget(struct change *change, const char *purpose, const bson_oid_t *user)
{
    bson_t *filter = BCON_NEW("userId", BCON_OID(user), "purpose", BCON_UTF8(purpose));
    enum err err = store_remove_many(change_store(change), STORE_TOKENS, filter);

    bson_destroy(filter);
    return err;
}

enum err
one_time_use(struct request *r, struct change *change, const bson_t *doc)
{
    int64_t matched;
    bson_t *filter = request_keep(r, BCON_NEW("_id", BCON_UTF8(doc_text(doc, "_id"))));
    bson_t *set =
        request_keep(r, BCON_NEW("$set", "{", "usedAt", BCON_DATE_TIME(change_now(change)), "}"));
    enum err err = store_update(change_store(change), STORE_TOKENS, filter, set, &matched);

    if (err == ERR_NONE && matched == 0)
        return refuse(r);
    return err == ERR_NONE
               ? one_time_forget(change, doc_text(doc, "purpose"), doc_id(doc, "userId"))
               : err;
}
