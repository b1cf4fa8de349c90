/*
 * Key i of SIGNING_KEYS is HKDF's input keying material, the purpose is its info.
 */
#include "common/secrets/keys.h"

#include <ctype.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"
#include "common/text/text.h"

/* Stored data depends on these texts, so they do not change with our names. */
static const char *const infos[KEY__COUNT] = {
    [KEY_ACCESS] = "taskwire access tokens",
    [KEY_ENCRYPT] = "taskwire sealed bytes",
    [KEY_MAC] = "taskwire keyed hashes",
    [KEY_SUCCESSOR] = "taskwire refresh successors",
    [KEY_ISSUED] = "taskwire issued refresh tokens",
};

static struct {
    char id[33];
    unsigned char undivided[KEY_BYTES], derived[KEY__COUNT][KEY_BYTES];
} keys[KEYS_MAX];
static int key_count;

static void
derive(unsigned char out[KEY_BYTES], const unsigned char key[KEY_BYTES], const char *info)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key, KEY_BYTES),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info,
                                          strlen(info)),
        OSSL_PARAM_construct_end(),
    };

    if (ctx == NULL || EVP_KDF_derive(ctx, out, KEY_BYTES, params) != 1)
        must_not_happen("keys: HKDF failed");
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

static enum err
complain(const char *what)
{
    fprintf(stderr, "SIGNING_KEYS %s\n", what);
    return ERR_INVALID;
}

enum err
keys_open(const char *text)
{
    char id[33], hex[65];
    int used;

    for (key_count = 0; *(text += strspn(text, " \t\r\n")) != '\0'; text += used) {
        unsigned char *key = keys[key_count < KEYS_MAX ? key_count : 0].undivided;

        if (key_count == KEYS_MAX || sscanf(text, "%32s %64s%n", id, hex, &used) != 2 ||
            strlen(hex) != 64 || !text_unhex(key, KEY_BYTES, hex) ||
            (text[used] != '\0' && !isspace((unsigned char)text[used])))
            return complain("must hold 1 to 8 lines of `kid hex`, 64 digits each");
        snprintf(keys[key_count].id, sizeof(keys[key_count].id), "%s", id);
        for (int use = 0; use < KEY__COUNT; use++)
            derive(keys[key_count].derived[use], key, infos[use]);
        key_count++;
    }
    return key_count > 0 ? ERR_NONE : complain("holds no key");
}

int
keys_count(void)
{
    return key_count;
}

const char *
keys_id(int i)
{
    return keys[i].id;
}

const unsigned char *
keys_for(int i, enum key_use use)
{
    return keys[i].derived[use];
}

static void
mac(unsigned char out[KEY_BYTES], const unsigned char key[KEY_BYTES], const struct key_message *m)
{
    struct text message = {0};
    unsigned size = KEY_BYTES;

    text_puts(&message, m->label);
    text_add(&message, m->bytes, m->len);
    if (HMAC(EVP_sha256(), key, KEY_BYTES, (unsigned char *)message.bytes, message.len, out,
             &size) == NULL)
        must_not_happen("keys: HMAC failed");
    text_free(&message);
}

void
keys_mac(unsigned char out[KEY_BYTES], int i, enum key_use use, const struct key_message *m)
{
    mac(out, keys[i].derived[use], m);
}

void
keys_mac_undivided(unsigned char out[KEY_BYTES], int i, const struct key_message *m)
{
    mac(out, keys[i].undivided, m);
}
