/*
 * libjwt checks only the signature, and reads out of bounds if a segment is empty
 * (deploy/DEPENDENCIES.md).  So the format is checked before it is called, and algorithm and claims
 * afterwards.
 */
#include "common/secrets/token.h"

#include <ctype.h>
#include <errno.h>
#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/id.h"
#include "common/base/must.h"
#include "common/log.h"
#include "common/secrets/keys.h"
#include "common/text/text.h"
#include "common/time/clock.h"

#define TEXT_MAX 1024 /* ours are about 330 characters */
#define SKEW     5    /* seconds that hosts' clocks may differ */
#define GOOD_MAX 4096 /* tokens remembered; about 400 bytes each */
#define NONCE    12   /* nonce of AES-GCM */
#define TAG      16
#define HALF     16 /* bytes of a refresh secret that are random; the rest prove who issued it */

/*
 * Valid tokens, by their text: a client sends the same one for minutes, and checking a signature
 * costs more than a comparison.  Only the claims are cached; the expiry is checked each time.
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
token_open(const char *keys)
{
    forget_good(); /* they were valid under other keys */
    return keys_open(keys);
}

char *
token_sign(const struct token *token)
{
    int64_t now = clock_now() / 1000;
    jwt_t *jwt = NULL;
    char *text;

    if (jwt_new(&jwt) != 0 || jwt_add_header(jwt, "kid", keys_id(0)) != 0 ||
        jwt_add_grant(jwt, "iss", "taskwire") != 0 || jwt_add_grant(jwt, "aud", "taskwire") != 0 ||
        jwt_add_grant(jwt, "typ", token->link ? "link" : "access") != 0 ||
        jwt_add_grant(jwt, "sub", token->user) != 0 ||
        jwt_add_grant(jwt, "sid", token->session) != 0 || jwt_add_grant_int(jwt, "iat", now) != 0 ||
        jwt_add_grant_int(jwt, "nbf", now) != 0 ||
        jwt_add_grant_int(jwt, "exp", token->expires) != 0 ||
        jwt_add_grant_int(jwt, "gen", token->generation) != 0 ||
        jwt_set_alg(jwt, JWT_ALG_HS256, keys_for(0, KEY_ACCESS), KEY_BYTES) != 0)
        must_not_happen("token: a token cannot be made");
    text = jwt_encode_str(jwt);
    jwt_free(jwt);
    if (text == NULL)
        must_not_happen("token: a token cannot be signed");
    return text;
}

/* Is it three non-empty segments of base64url, and not too long? */
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
claim_id(jwt_t *jwt, const char *name, char out[ID_TEXT])
{
    const char *value = jwt_get_grant(jwt, name);
    unsigned char bytes[ID_BYTES];

    if (value == NULL || strlen(value) != ID_DIGITS || !text_unhex(bytes, ID_BYTES, value))
        return 0;
    text_hex(out, bytes, ID_BYTES);
    return 1;
}

static int
claims_ok(jwt_t *jwt, struct token *out)
{
    int64_t now = clock_now() / 1000, nbf = jwt_get_grant_int(jwt, "nbf");

    out->link = claim_is(jwt, "typ", "link");
    out->expires = jwt_get_grant_int(jwt, "exp");
    out->generation = jwt_get_grant_int(jwt, "gen"); /* 0 when absent */
    return jwt_get_alg(jwt) == JWT_ALG_HS256 && claim_is(jwt, "iss", "taskwire") &&
           claim_is(jwt, "aud", "taskwire") && (out->link || claim_is(jwt, "typ", "access")) &&
           out->expires > 0 && now < out->expires && nbf > 0 && now + SKEW >= nbf &&
           claim_id(jwt, "sub", out->user) && claim_id(jwt, "sid", out->session);
}

/* Tries each key in turn; there is more than one only during rotation. */
static enum err
verify(const char *text, size_t len, struct token *out)
{
    char copy[TEXT_MAX + 1];

    if (!well_shaped(text, len))
        return ERR_NO_AUTH;
    memcpy(copy, text, len);
    copy[len] = '\0';
    for (int i = 0; i < keys_count(); i++) {
        jwt_t *jwt = NULL;
        const char *kid;
        int ok;

        if (jwt_decode(&jwt, copy, keys_for(i, KEY_ACCESS), KEY_BYTES) != 0)
            continue;
        kid = jwt_get_header(jwt, "kid");
        ok = kid != NULL && strcmp(kid, keys_id(i)) == 0 && claims_ok(jwt, out);
        jwt_free(jwt);
        return ok ? ERR_NONE : ERR_NO_AUTH;
    }
    return ERR_NO_AUTH;
}

/* A token's entry in the cache; the end of its signature serves as the hash. */
static struct good *
place_of(const char *text, size_t len)
{
    size_t end = len < 16 ? len : 16;

    return &good[hash_fnv(HASH_START, text + len - end, end) % GOOD_MAX];
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

/*
 * A value derived from a signing key: i from 0 to n-1 with each key, from n to 2n-1 as it was
 * derived before each purpose had its own key.
 */
static bool
derive(unsigned char out[KEY_BYTES], int i, enum key_use use, const struct key_message *m)
{
    if (i < keys_count())
        keys_mac(out, i, use, m);
    else if (i < 2 * keys_count())
        keys_mac_undivided(out, i - keys_count(), m);
    return i < 2 * keys_count();
}

bool
token_mac(char out[TOKEN_HASH], int i, const char *label, const char *bytes, size_t len)
{
    unsigned char mac[KEY_BYTES];
    bool made = derive(mac, i, KEY_MAC, &(struct key_message){label, bytes, len});

    if (made)
        text_hex(out, mac, sizeof(mac));
    return made;
}

bool
token_mac_is(const char *stored, const char *label, const char *bytes, size_t len)
{
    char hex[TOKEN_HASH];
    bool same = false;

    for (int i = 0; token_mac(hex, i, label, bytes, len); i++)
        same |= strlen(stored) == TOKEN_HASH - 1 && CRYPTO_memcmp(stored, hex, TOKEN_HASH - 1) == 0;
    return same;
}

/*
 * The second half of a refresh secret, which only we can derive from the first half, for this
 * session.
 */
static void
mark_issued(unsigned char secret[2 * HALF], int i, const char *session)
{
    char bound[ID_DIGITS + HALF];
    unsigned char mac[KEY_BYTES];

    memcpy(bound, session, ID_DIGITS);
    memcpy(bound + ID_DIGITS, secret, HALF);
    keys_mac(mac, i, KEY_ISSUED, &(struct key_message){"issued:", bound, sizeof(bound)});
    memcpy(secret + HALF, mac, HALF);
}

void
token_refresh(char secret[TOKEN_SECRET], char hash[TOKEN_HASH], const char *session)
{
    unsigned char bytes[2 * HALF];

    text_random(bytes, HALF);
    mark_issued(bytes, 0, session);
    text_base64url(secret, bytes, sizeof(bytes));
    token_hash(hash, secret);
}

bool
token_refresh_issued(const char *secret, const char *session)
{
    unsigned char bytes[2 * HALF];
    char made[TOKEN_SECRET];
    bool issued = false;

    for (int i = 0; strlen(secret) == TOKEN_SECRET - 1 && i < keys_count(); i++) {
        if (text_unbase64url(bytes, sizeof(bytes), secret, TOKEN_SECRET - 1) != sizeof(bytes))
            return false;
        mark_issued(bytes, i, session);
        text_base64url(made, bytes, sizeof(bytes));
        issued |= CRYPTO_memcmp(made, secret, TOKEN_SECRET - 1) == 0;
    }
    return issued;
}

bool
token_successor(char next[TOKEN_SECRET], int i, const char *secret, const char *session,
                int64_t nth)
{
    unsigned char bytes[KEY_BYTES];
    char from[TOKEN_SECRET + 24];
    bool made;

    snprintf(from, sizeof(from), nth == 0 ? "%s" : "%s.%lld", secret, (long long)nth);
    made = derive(bytes, i, KEY_SUCCESSOR, &(struct key_message){"refresh:", from, strlen(from)});

    if (made && i < keys_count())
        mark_issued(bytes, i, session);
    if (made)
        text_base64url(next, bytes, sizeof(bytes));
    return made;
}

static void
encryption_key(unsigned char key[KEY_BYTES], int i, const char *secret)
{
    /* Stored data depends on the label. */
    derive(key, i, KEY_ENCRYPT, &(struct key_message){"seal:", secret, strlen(secret)});
}

void
token_encrypt(struct text *out, const char *secret, const char *bytes, size_t len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char key[32], nonce[NONCE], tag[TAG], *encrypted = must_alloc(1, len + TAG);
    int n = 0, rest = 0;

    encryption_key(key, 0, secret);
    text_random(nonce, sizeof(nonce));
    if (ctx == NULL || EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) != 1 ||
        EVP_EncryptUpdate(ctx, encrypted, &n, (const unsigned char *)bytes, (int)len) != 1 ||
        EVP_EncryptFinal_ex(ctx, encrypted + n, &rest) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, tag) != 1)
        must_not_happen("token: AES-GCM failed");
    text_add(out, (char *)nonce, sizeof(nonce));
    text_add(out, (char *)tag, sizeof(tag));
    text_add(out, (char *)encrypted, (size_t)(n + rest));
    EVP_CIPHER_CTX_free(ctx);
    free(encrypted);
}

static int
decrypt_with(int index, struct text *out, const char *secret, const unsigned char *in, size_t len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char key[32], tag[TAG], *bytes = must_alloc(1, len);
    int n = 0, rest = 0, ok;

    if (ctx == NULL)
        must_not_happen("token: AES-GCM has no memory");
    encryption_key(key, index, secret);
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
token_decrypt(struct text *out, const char *secret, const char *bytes, size_t len)
{
    if (len < NONCE + TAG)
        return ERR_INVALID;
    for (int i = 0; i < 2 * keys_count(); i++)
        if (decrypt_with(i, out, secret, (const unsigned char *)bytes, len))
            return ERR_NONE;
    return ERR_INVALID;
}

bool
token_encrypted_with_old_key(const char *secret, const char *bytes, size_t len)
{
    struct text plain = {0};
    int by = -1;

    for (int i = 0; len >= NONCE + TAG && i < 2 * keys_count() && by < 0; i++)
        if (decrypt_with(i, &plain, secret, (const unsigned char *)bytes, len))
            by = i;
    text_free(&plain);
    return by > 0;
}
