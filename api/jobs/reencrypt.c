/*
 * Second factors exist as long as their users, jobs until they are due.  Each is written only if it
 * has not changed since it was read.
 */
#include "api/jobs/reencrypt.h"

#include <bson/bson.h>

#include "api/schema/doc.h"
#include "common/base/id.h"
#include "common/log.h"
#include "common/secrets/token.h"
#include "common/store/store.h"
#include "common/text/text.h"

struct walk {
    struct store *store;
    enum store_name name;
    const char *field;
    int count;
};

static enum err
replace(struct walk *w, const bson_t *doc, const uint8_t *old, uint32_t old_len,
        const struct text *fresh)
{
    bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER, set;
    enum err err;

    BSON_APPEND_OID(&filter, "_id", doc_id(doc, "_id"));
    bson_append_binary(&filter, w->field, -1, BSON_SUBTYPE_BINARY, old, old_len);
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
    bson_append_binary(&set, w->field, -1, BSON_SUBTYPE_BINARY, (const uint8_t *)fresh->bytes,
                       (uint32_t)fresh->len);
    bson_append_document_end(&update, &set);
    err = store_update(w->store, w->name, &filter, &update, NULL);
    bson_destroy(&filter);
    bson_destroy(&update);
    w->count += err == ERR_NONE;
    return err;
}

static enum err
reencrypt_one(void *arg, const bson_t *doc)
{
    struct walk *w = arg;
    struct text plain = {0}, fresh = {0};
    enum err err = ERR_NONE;
    const uint8_t *encrypted;
    bson_iter_t iter;
    char hex[ID_TEXT];
    uint32_t len;

    if (!bson_iter_init_find(&iter, doc, w->field) || !BSON_ITER_HOLDS_BINARY(&iter))
        return ERR_NONE;
    bson_iter_binary(&iter, NULL, &len, &encrypted);
    bson_oid_to_string(doc_id(doc, "_id"), hex);
    if (token_encrypted_with_old_key(hex, (const char *)encrypted, len) &&
        token_decrypt(&plain, hex, (const char *)encrypted, len) == ERR_NONE) {
        token_encrypt(&fresh, hex, plain.bytes, plain.len);
        err = replace(w, doc, encrypted, len, &fresh);
    }
    text_free(&plain);
    text_free(&fresh);
    return err;
}

enum err
reencrypt_all(struct store *store)
{
    struct walk users = {store, STORE_USERS, "totpSecret", 0};
    struct walk jobs = {store, STORE_JOBS, "content", 0};
    bson_t *armed = BCON_NEW("totpEnabledAt", "{", "$gt", BCON_DATE_TIME(0), "}"),
           *all = bson_new();
    enum err err =
        store_find(store, &(struct store_query){STORE_USERS, armed, NULL}, reencrypt_one, &users);

    if (err == ERR_NONE)
        err = store_find(store, &(struct store_query){STORE_JOBS, all, NULL}, reencrypt_one, &jobs);
    bson_destroy(armed);
    bson_destroy(all);
    if (users.count + jobs.count > 0)
        log_info("reencrypt: encrypted %d second factors and %d jobs with the newest key",
                 users.count, jobs.count);
    return err;
}
