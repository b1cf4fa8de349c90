/*
 * A JWT by hand.
 */
#include "tests/unit/forge.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "common/text/text.h"

static void
add_segment(struct text *out, const void *bytes, size_t len)
{
    char *encoded = malloc(TEXT_BASE64(len));

    if (encoded == NULL)
        abort();
    text_base64url(encoded, bytes, len);
    text_puts(out, encoded);
    free(encoded);
}

/* HKDF-SHA256 by hand, for what signs access tokens. */
static void
derive(unsigned char key[32])
{
    static const unsigned char salt[32], info[] = "taskwire access tokens\x01";
    unsigned char inner[32];
    unsigned len = 32;

    if (HMAC(EVP_sha256(), salt, 32, key, 32, inner, &len) == NULL ||
        HMAC(EVP_sha256(), inner, 32, info, sizeof(info) - 1, key, &len) == NULL)
        abort();
}

void
forge_token(struct text *out, const char *header, size_t header_len, const char *claims,
            size_t claims_len, const char *key)
{
    unsigned char bytes[32], mac[32];
    size_t from = out->len;
    unsigned len = sizeof(mac);

    if (!text_unhex(bytes, sizeof(bytes), key))
        abort();
    derive(bytes);
    add_segment(out, header, header_len);
    text_putc(out, '.');
    add_segment(out, claims, claims_len);
    if (HMAC(EVP_sha256(), bytes, sizeof(bytes), (unsigned char *)out->bytes + from,
             out->len - from, mac, &len) == NULL)
        abort();
    text_putc(out, '.');
    add_segment(out, mac, sizeof(mac));
}
