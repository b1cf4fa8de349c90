/*
 * The content of a record, and replies made from it.
 */
#include "api/http/idempotency.h"

#include <stdio.h>
#include <string.h>

#include "api/http/request.h"
#include "api/http/router.h"
#include "common/log.h"
#include "common/secrets/token.h"
#include "common/text/doc.h"
#include "common/text/json.h"

static void
append_optional(bson_t *record, const char *name, const char *value)
{
    if (value != NULL)
        BSON_APPEND_UTF8(record, name, value);
}

/*
 * The text whose hash is the key of an encrypted reply: only the same request contains it.  Like
 * the digest, it uses a JSON body by its value; as_it_came: the body's bytes, as earlier versions
 * did.
 */
static void
encryption_secret(const struct request *r, bool as_it_came, struct text *out)
{
    text_printf(out, "%s %s ", r->idempotency_key, r->path);
    if (r->json != NULL && !as_it_came)
        json_canonical(out, r->json);
    else if (r->body != NULL)
        text_add(out, r->body, r->body_len);
}

static void
append_encrypted(bson_t *record, const char *name, struct request *r, const char *bytes, size_t len)
{
    struct text encrypted = {0}, secret = {0};

    encryption_secret(r, false, &secret);
    token_encrypt(&encrypted, secret.bytes, bytes, len);
    bson_append_binary(record, name, -1, BSON_SUBTYPE_BINARY, (uint8_t *)encrypted.bytes,
                       (uint32_t)encrypted.len);
    text_free(&encrypted);
    text_free(&secret);
}

/* Decrypts and appends what append_encrypted() wrote. */
static void
take_encrypted(struct request *r, const bson_iter_t *iter, struct text *out)
{
    const uint8_t *bytes;
    uint32_t len;
    bool decrypted = false;

    bson_iter_binary(iter, NULL, &len, &bytes);
    for (int as_it_came = 0; as_it_came < 2 && !decrypted; as_it_came++) {
        struct text secret = {0};

        encryption_secret(r, as_it_came, &secret);
        decrypted = token_decrypt(out, secret.bytes, (const char *)bytes, len) == ERR_NONE;
        text_free(&secret);
    }
    if (!decrypted)
        log_warn("idempotency: a stored reply cannot be decrypted");
}

void
idempotency_record(bson_t *record, void *arg)
{
    struct request *r = arg;
    const struct text *body = &r->reply.body;

    BSON_APPEND_UTF8(record, "digest", r->digest);
    BSON_APPEND_INT32(record, "status", r->reply.status);
    append_optional(record, "etag", r->reply.etag);
    append_optional(record, "location", r->reply.location);
    if (r->route->flags & SECRETS) {
        append_encrypted(record, "sealed", r, body->bytes == NULL ? "" : body->bytes, body->len);
        if (r->reply.cookie != NULL)
            append_encrypted(record, "sealedCookie", r, r->reply.cookie, strlen(r->reply.cookie));
    } else if (body->len > 0) {
        bson_append_utf8(record, "body", -1, body->bytes, (int)body->len);
    }
}

static void
take_member(struct request *r, const bson_iter_t *iter)
{
    const char *name = bson_iter_key(iter);
    uint32_t len;

    if (strcmp(name, "status") == 0) {
        r->reply.status = bson_iter_int32(iter);
    } else if (strcmp(name, "etag") == 0) {
        r->reply.etag = arena_dup(r->arena, bson_iter_utf8(iter, NULL));
    } else if (strcmp(name, "location") == 0) {
        r->reply.location = arena_dup(r->arena, bson_iter_utf8(iter, NULL));
    } else if (strcmp(name, "body") == 0) {
        const char *body = bson_iter_utf8(iter, &len);

        text_add(&r->reply.body, body, len);
    } else if (strcmp(name, "sealed") == 0) {
        take_encrypted(r, iter, &r->reply.body);
    } else if (strcmp(name, "sealedCookie") == 0) {
        struct text cookie = {0};

        take_encrypted(r, iter, &cookie);
        r->reply.cookie = arena_dup(r->arena, cookie.bytes);
        text_free(&cookie);
    }
}

/*
 * The input of a digest: a JSON body counts by its value, or by its bytes if as_it_came; a file by
 * its fingerprint, which includes what matters of the query.
 */
static void
digest_text(const struct request *r, bool as_it_came, struct text *out)
{
    if (r->fingerprint != NULL) {
        text_printf(out, "%s %s\n%s", r->method_name, r->path, r->fingerprint);
        return;
    }
    text_printf(out, "%s %s?%s\n", r->method_name, r->path, r->query == NULL ? "" : r->query);
    if (r->json != NULL && !as_it_came)
        json_canonical(out, r->json);
    else
        text_add(out, r->body == NULL ? "" : r->body, r->body_len);
}

void
idempotency_digest(struct request *r)
{
    struct text t = {0};

    digest_text(r, false, &t);
    token_mac(r->digest, 0, "digest:", t.bytes, t.len); /* bodies may hold passwords */
    text_free(&t);
}

/* Is it the digest of this request, under any of our keys, or as earlier versions computed it? */
static bool
digest_is(const struct request *r, const char *stored)
{
    struct text t = {0};
    bool same = strcmp(stored, r->digest) == 0;

    for (int as_it_came = 0; as_it_came < 2 && !same; as_it_came++) {
        text_clear(&t);
        digest_text(r, as_it_came, &t);
        same = token_mac_is(stored, "digest:", t.bytes, t.len);
    }
    text_free(&t);
    return same;
}

bool
idempotency_is(const struct request *r, const bson_t *record)
{
    const char *digest = doc_text(record, "digest");

    return digest != NULL && digest_is(r, digest);
}

enum err
idempotency_reply(struct request *r, const bson_t *record)
{
    bson_iter_t iter;

    if (!idempotency_is(r, record))
        return ERR_KEY_REUSED;
    text_clear(&r->reply.body);
    r->reply.etag = r->reply.location = r->reply.cookie = NULL;
    bson_iter_init(&iter, record);
    while (bson_iter_next(&iter))
        take_member(r, &iter);
    r->reply.type = r->reply.body.len > 0 ? "application/json" : NULL;
    r->reply.replayed = true;
    return ERR_NONE;
}

/*
 * Replies with the key's record, if there is one; certainly: finds even one that was just written.
 */
static enum err
replay(struct request *r, bool certainly, bool *found)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(r->key)), *doc;
    enum err err = certainly ? store_get_newest(r->store, STORE_IDEMPOTENCY, filter, &doc)
                             : store_get(r->store, STORE_IDEMPOTENCY, filter, NULL, &doc);

    *found = false;
    bson_destroy(filter);
    if (err == ERR_NOT_FOUND)
        return ERR_NONE;
    if (err != ERR_NONE)
        return err;
    *found = true;
    err = idempotency_reply(r, doc);
    bson_destroy(doc);
    return err;
}

enum err
idempotency_exists(struct request *r, bool *found)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(r->key)), *doc = NULL;
    enum err err = store_get(r->store, STORE_IDEMPOTENCY, filter, NULL, &doc);

    *found = err == ERR_NONE;
    bson_destroy(filter);
    if (*found)
        bson_destroy(doc);
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

enum err
idempotency_replay(struct request *r, bool *found)
{
    return replay(r, false, found);
}

enum err
idempotency_replay_newest(struct request *r, bool *found)
{
    return replay(r, true, found);
}
