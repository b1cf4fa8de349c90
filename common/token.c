/*
 * libjwt checks the signature and nothing else, and reads beyond an empty
 * segment (dependencies 2): so the shape is checked before it, and algorithm
 * and claims after it.
 */
#include "common/token.h"

#include <ctype.h>
#include <errno.h>
#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"

#define KEYS_MAX  8
#define KEY_BYTES 32
#define TEXT_MAX  1024 /* ours are about 330 characters */
#define SKEW      5    /* seconds that hosts' clocks may differ */
#define GOOD_MAX  4096 /* tokens remembered; about 400 bytes each */
#define NONCE     12   /* of AES-GCM */
#define TAG       16

static struct {
    char id[33];
    unsigned char bytes[KEY_BYTES];
} keys[KEYS_MAX];
static int key_count;

/*
 * Tokens found good, by their own text: a client sends the same one for minutes,
 * and a signature costs more than a comparison.  What is cached is the claims;
 * the time is looked at each time.
 */
static struct good {
    char *text; /* NULL: empty */
    size_t len;
    struct token token;
} good[GOOD_MAX];
static pthread_rwlock_t good_lock = PTHREAD_RWLOCK_INITIALIZER;

static void
forget_good(void)
{
    pthread_rwlock_wrlock(&good_lock);
    for (int i = 0; i < GOOD_MAX; i++) {
        free(good[i].text);
        good[i].text = NULL;
    }
    pthread_rwlock_unlock(&good_lock);
}

enum err
token_open(const char *text)
{
    char id[33], hex[65];
    int used;

    key_count = 0;
    forget_good(); /* they were good under other keys */
    for (;;) {
        text += strspn(text, " \t\r\n");
        if (*text == '\0')
            break;
        if (key_count == KEYS_MAX || sscanf(text, "%32s %64s%n", id, hex, &used) != 2 ||
            strlen(hex) != 64 || !text_unhex(keys[key_count].bytes, KEY_BYTES, hex) ||
            (text[used] != '\0' && !isspace((unsigned char)text[used]))) {
            fprintf(stderr, "SIGNING_KEYS must hold 1 to %d lines of `kid hex`, 64 digits each\n",
                    KEYS_MAX);
            return ERR_INVALID;
        }
        snprintf(keys[key_count].id, sizeof(keys[key_count].id), "%s", id);
        key_count++;
        text += used;
    }
    if (key_count > 0)
        return ERR_NONE;
    fprintf(stderr, "SIGNING_KEYS holds no key\n");
    return ERR_INVALID;
}

char *
token_sign(const struct token *token)
{
    int64_t now = clock_now() / 1000;
    jwt_t *jwt = NULL;
    char *text;

    if (jwt_new(&jwt) != 0 || jwt_add_header(jwt, "kid", keys[0].id) != 0 ||
        jwt_add_grant(jwt, "iss", "taskwire") != 0 || jwt_add_grant(jwt, "aud", "taskwire") != 0 ||
        jwt_add_grant(jwt, "typ", "access") != 0 || jwt_add_grant(jwt, "sub", token->user) != 0 ||
        jwt_add_grant(jwt, "sid", token->session) != 0 || jwt_add_grant_int(jwt, "iat", now) != 0 ||
        jwt_add_grant_int(jwt, "nbf", now) != 0 ||
        jwt_add_grant_int(jwt, "exp", token->expires) != 0 ||
        jwt_set_alg(jwt, JWT_ALG_HS256, keys[0].bytes, KEY_BYTES) != 0)
        abort(); /* only for want of memory */
    text = jwt_encode_str(jwt);
    jwt_free(jwt);
    if (text == NULL)
        abort();
    return text;
}

/* Three non-empty segments of base64url, and not too long. */
static int
well_shaped(const char *text, size_t len)
{
    size_t segment = 0, dots = 0;

    if (len > TEXT_MAX)
        return 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.') {
            if (segment < 4 || ++dots > 2)
                return 0;
            segment = 0;
        } else if (isalnum((unsigned char)text[i]) || text[i] == '-' || text[i] == '_') {
            segment++;
        } else {
            return 0;
        }
    }
    return dots == 2 && segment >= 4;
}

static int
claim_is(jwt_t *jwt, const char *name, const char *wanted)
{
    const char *value = jwt_get_grant(jwt, name);

    return value != NULL && strcmp(value, wanted) == 0;
}

static int
claim_id(jwt_t *jwt, const char *name, char out[25])
{
    const char *value = jwt_get_grant(jwt, name);
    unsigned char bytes[12];

    if (value == NULL || strlen(value) != 24 || !text_unhex(bytes, 12, value))
        return 0;
    text_hex(out, bytes, 12);
    return 1;
}

static int
claims_ok(jwt_t *jwt, struct token *out)
{
    int64_t now = clock_now() / 1000, nbf = jwt_get_grant_int(jwt, "nbf");

    out->expires = jwt_get_grant_int(jwt, "exp");
    return jwt_get_alg(jwt) == JWT_ALG_HS256 && claim_is(jwt, "iss", "taskwire") &&
           claim_is(jwt, "aud", "taskwire") && claim_is(jwt, "typ", "access") && out->expires > 0 &&
           now < out->expires && nbf > 0 && now + SKEW >= nbf && claim_id(jwt, "sub", out->user) &&
           claim_id(jwt, "sid", out->session);
}

/* Asks each key in turn; there is more than one only while they rotate. */
static enum err
verify(const char *text, size_t len, struct token *out)
{
    char copy[TEXT_MAX + 1];

    if (!well_shaped(text, len))
        return ERR_NO_AUTH;
    memcpy(copy, text, len);
    copy[len] = '\0';
    for (int i = 0; i < key_count; i++) {
        jwt_t *jwt = NULL;
        const char *kid;
        int ok;

        if (jwt_decode(&jwt, copy, keys[i].bytes, KEY_BYTES) != 0)
            continue;
        kid = jwt_get_header(jwt, "kid");
        ok = kid != NULL && strcmp(kid, keys[i].id) == 0 && claims_ok(jwt, out);
        jwt_free(jwt);
        return ok ? ERR_NONE : ERR_NO_AUTH;
    }
    return ERR_NO_AUTH;
}

/* A token's place; its end, the signature, is as good as a hash. */
static struct good *
place_of(const char *text, size_t len)
{
    uint32_t h = 2166136261u;

    for (size_t i = len < 16 ? 0 : len - 16; i < len; i++)
        h = (h ^ (uint8_t)text[i]) * 16777619u;
    return &good[h % GOOD_MAX];
}

static bool
was_good(const char *text, size_t len, struct token *out)
{
    struct good *g = place_of(text, len);
    bool found;

    pthread_rwlock_rdlock(&good_lock);
    found = g->text != NULL && g->len == len && CRYPTO_memcmp(g->text, text, len) == 0;
    if (found)
        *out = g->token;
    pthread_rwlock_unlock(&good_lock);
    return found && clock_now() / 1000 < out->expires;
}

static void
note_good(const char *text, size_t len, const struct token *token)
{
    struct good *g = place_of(text, len);
    char *copy = malloc(len);

    if (copy == NULL)
        return;
    memcpy(copy, text, len);
    pthread_rwlock_wrlock(&good_lock);
    free(g->text);
    *g = (struct good){copy, len, *token};
    pthread_rwlock_unlock(&good_lock);
}

enum err
token_verify(const char *text, size_t len, struct token *out)
{
    enum err err;

    if (len > TEXT_MAX)
        return ERR_NO_AUTH;
    if (was_good(text, len, out))
        return ERR_NONE;
    err = verify(text, len, out);
    if (err == ERR_NONE)
        note_good(text, len, out);
    return err;
}

void
token_secret(char secret[TOKEN_SECRET], char hash[TOKEN_HASH])
{
    unsigned char bytes[32];

    text_random(bytes, sizeof(bytes));
    text_base64url(secret, bytes, sizeof(bytes));
    token_hash(hash, secret);
}

void
token_hash(char hash[TOKEN_HASH], const char *secret)
{
    text_sha256(hash, secret, strlen(secret));
}

/* HMAC-SHA256 of a label and a secret, under one of our keys. */
static void
derive_bytes(unsigned char out[32], int key, const char *label, const char *bytes, size_t len)
{
    struct text message = {0};
    unsigned size = 32;

    text_puts(&message, label);
    text_add(&message, bytes, len);
    if (HMAC(EVP_sha256(), keys[key].bytes, KEY_BYTES, (unsigned char *)message.bytes, message.len,
             out, &size) == NULL)
        abort();
    text_free(&message);
}

static void
derive(unsigned char out[32], int key, const char *label, const char *secret)
{
    derive_bytes(out, key, label, secret, strlen(secret));
}

void
token_mac(char out[TOKEN_HASH], const char *label, const char *bytes, size_t len)
{
    unsigned char mac[32];

    derive_bytes(mac, 0, label, bytes, len);
    text_hex(out, mac, sizeof(mac));
}

bool
token_mac_is(const char *stored, const char *label, const char *bytes, size_t len)
{
    char hex[TOKEN_HASH];
    bool same = false;

    for (int i = 0; i < key_count; i++) {
        unsigned char mac[32];

        derive_bytes(mac, i, label, bytes, len);
        text_hex(hex, mac, sizeof(mac));
        same |= strlen(stored) == TOKEN_HASH - 1 && CRYPTO_memcmp(stored, hex, TOKEN_HASH - 1) == 0;
    }
    return same;
}

void
token_successor(char next[TOKEN_SECRET], const char *secret)
{
    unsigned char bytes[32];

    derive(bytes, 0, "refresh:", secret);
    text_base64url(next, bytes, sizeof(bytes));
}

void
token_seal(struct text *out, const char *secret, const char *bytes, size_t len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char key[32], nonce[NONCE], tag[TAG], *sealed = malloc(len + TAG);
    int n = 0, rest = 0;

    derive(key, 0, "seal:", secret);
    text_random(nonce, sizeof(nonce));
    if (ctx == NULL || sealed == NULL ||
        EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) != 1 ||
        EVP_EncryptUpdate(ctx, sealed, &n, (const unsigned char *)bytes, (int)len) != 1 ||
        EVP_EncryptFinal_ex(ctx, sealed + n, &rest) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, tag) != 1)
        abort();
    text_add(out, (char *)nonce, sizeof(nonce));
    text_add(out, (char *)tag, sizeof(tag));
    text_add(out, (char *)sealed, (size_t)(n + rest));
    EVP_CIPHER_CTX_free(ctx);
    free(sealed);
}

static int
unseal_with(int index, struct text *out, const char *secret, const unsigned char *in, size_t len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char key[32], tag[TAG], *bytes = malloc(len);
    int n = 0, rest = 0, ok;

    if (ctx == NULL || bytes == NULL)
        abort();
    derive(key, index, "seal:", secret);
    memcpy(tag, in + NONCE, TAG);
    ok = EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, in) == 1 &&
         EVP_DecryptUpdate(ctx, bytes, &n, in + NONCE + TAG, (int)(len - NONCE - TAG)) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
         EVP_DecryptFinal_ex(ctx, bytes + n, &rest) == 1;
    if (ok)
        text_add(out, (char *)bytes, (size_t)(n + rest));
    EVP_CIPHER_CTX_free(ctx);
    free(bytes);
    return ok;
}

enum err
token_unseal(struct text *out, const char *secret, const char *bytes, size_t len)
{
    if (len < NONCE + TAG)
        return ERR_INVALID;
    for (int i = 0; i < key_count; i++)
        if (unseal_with(i, out, secret, (const unsigned char *)bytes, len))
            return ERR_NONE;
    return ERR_INVALID;
}

bool
token_seal_is_old(const char *secret, const char *bytes, size_t len)
{
    struct text plain = {0};
    int by = -1;

    for (int i = 0; len >= NONCE + TAG && i < key_count && by < 0; i++)
        if (unseal_with(i, &plain, secret, (const unsigned char *)bytes, len))
            by = i;
    text_free(&plain);
    return by > 0;
}
