/*
 * The secret is encrypted with the signing keys, again at each log-in, so that old keys can be
 * removed; recovery codes have 120 bits and are hashed.
 */
#include "api/account/second_factor.h"

#include <ctype.h>
#include <string.h>

#include "api/account/message_words.h"
#include "api/http/request.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "common/base/id.h"
#include "common/secrets/totp.h"
#include "common/time/clock.h"

const bson_t *
second_factor_fields(struct request *r)
{
    return request_keep(
        r, BCON_NEW("totpSecret", "", "totpStep", "", "totpEnabledAt", "", "recoveryHashes", ""));
}

bool
second_factor_wanted(const bson_t *user)
{
    return doc_has(user, "totpEnabledAt");
}

void
second_factor_encrypt(bson_t *set, const char *name, const bson_oid_t *user,
                      const unsigned char secret[TOTP_SECRET])
{
    struct text encrypted = {0};
    char hex[ID_TEXT];

    bson_oid_to_string(user, hex);
    token_encrypt(&encrypted, hex, (const char *)secret, TOTP_SECRET);
    bson_append_binary(set, name, -1, BSON_SUBTYPE_BINARY, (const uint8_t *)encrypted.bytes,
                       (uint32_t)encrypted.len);
    text_free(&encrypted);
}

bool
second_factor_decrypt(const bson_t *user, const char *name, unsigned char secret[TOTP_SECRET])
{
    struct text bytes = {0};
    const uint8_t *encrypted;
    bson_iter_t iter;
    char hex[ID_TEXT];
    uint32_t len;
    bool ok = false;

    bson_oid_to_string(doc_id(user, "_id"), hex);
    if (bson_iter_init_find(&iter, user, name) && BSON_ITER_HOLDS_BINARY(&iter)) {
        bson_iter_binary(&iter, NULL, &len, &encrypted);
        ok = token_decrypt(&bytes, hex, (const char *)encrypted, len) == ERR_NONE &&
             bytes.len == TOTP_SECRET;
    }
    if (ok)
        memcpy(secret, bytes.bytes, TOTP_SECRET);
    text_free(&bytes);
    return ok;
}

/* A code as it was displayed, without separators that people leave out or add. */
void
second_factor_hash(char hash[TOKEN_HASH], const char *code)
{
    char plain[SECOND_FACTOR_CODE_MAX + 1];
    size_t n = 0;

    for (; *code != '\0' && n < SECOND_FACTOR_CODE_MAX; code++)
        if (isalnum((unsigned char)*code))
            plain[n++] = (char)toupper((unsigned char)*code);
    plain[n] = '\0';
    token_hash(hash, plain);
}

bool
second_factor_check(const bson_t *user, const char *code, struct second_factor_proof *proof)
{
    bson_iter_t iter, list;

    *proof = (struct second_factor_proof){0};
    if (second_factor_decrypt(user, "totpSecret", proof->secret) &&
        totp_check(proof->secret, code, clock_now(), &proof->step) &&
        proof->step > doc_int(user, "totpStep"))
        return true;
    proof->step = 0;
    second_factor_hash(proof->recovery, code);
    if (bson_iter_init_find(&iter, user, "recoveryHashes") && bson_iter_recurse(&iter, &list))
        while (bson_iter_next(&list))
            if (strcmp(bson_iter_utf8(&list, NULL), proof->recovery) == 0)
                return true;
    return false;
}

enum err
second_factor_notify(struct request *r, struct change *change, const bson_t *user, const char *what)
{
    return queue_message(change, MESSAGE_SECOND_FACTOR, doc_text(user, "email"), NOTICE_MS, "name",
                         message_words_greeting(r, user), "what", what, "ip", message_words_ip(r),
                         "link", message_words_link(r, "password-resets", NULL), NULL);
}

enum err
second_factor_use(struct request *r, struct change *change, const bson_t *user,
                  const struct second_factor_proof *proof)
{
    const bson_oid_t *id = doc_id(user, "_id");
    bson_t *filter = request_keep(r, BCON_NEW("_id", BCON_OID(id)));
    bson_t *update = request_keep(r, bson_new()), part;
    int64_t matched;
    enum err err;

    if (proof->step != 0) {
        BSON_APPEND_DOCUMENT_BEGIN(filter, "totpStep", &part);
        BSON_APPEND_INT64(&part, "$lt", proof->step);
        bson_append_document_end(filter, &part);
        BSON_APPEND_DOCUMENT_BEGIN(update, "$set", &part);
        BSON_APPEND_INT64(&part, "totpStep", proof->step);
        second_factor_encrypt(&part, "totpSecret", id, proof->secret);
    } else {
        BSON_APPEND_UTF8(filter, "recoveryHashes", proof->recovery);
        BSON_APPEND_DOCUMENT_BEGIN(update, "$pull", &part);
        BSON_APPEND_UTF8(&part, "recoveryHashes", proof->recovery);
    }
    bson_append_document_end(update, &part);
    err = store_update(change_store(change), STORE_USERS, filter, update, &matched);
    if (err == ERR_NONE && matched == 0)
        return request_fail(r, ERR_BAD_LOGIN, "the code has already been used");
    if (err == ERR_NONE && proof->step == 0)
        err = second_factor_notify(r, change, user,
                                   "A recovery code was used instead of a code from your phone");
    return err;
}
