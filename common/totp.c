/*
 * HOTP (RFC 4226) over half-minutes, with SHA-1, which is what the phones' apps
 * do without being told.
 */
#include "common/totp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "common/must.h"

#define STEP_MS 30000
#define DIGITS  6

void
totp_base32(char *out, const unsigned char *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint32_t bits = 0;
    int have = 0;

    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | bytes[i];
        for (have += 8; have >= 5; have -= 5)
            *out++ = digits[bits >> (have - 5) & 31];
    }
    if (have > 0)
        *out++ = digits[bits << (5 - have) & 31];
    *out = '\0';
}

void
totp_code(char out[7], const unsigned char secret[TOTP_SECRET], int64_t step)
{
    unsigned char counter[8], mac[EVP_MAX_MD_SIZE];
    unsigned len = sizeof(mac), at;
    uint32_t number;

    for (int i = 0; i < 8; i++)
        counter[i] = (unsigned char)((uint64_t)step >> (56 - 8 * i) & 255);
    if (HMAC(EVP_sha1(), secret, TOTP_SECRET, counter, sizeof(counter), mac, &len) == NULL)
        must_not_happen("totp: HMAC failed");
    at = mac[len - 1] & 15;
    number = (uint32_t)(mac[at] & 127) << 24 | (uint32_t)mac[at + 1] << 16 |
             (uint32_t)mac[at + 2] << 8 | mac[at + 3];
    snprintf(out, DIGITS + 1, "%06u", number % 1000000u);
}

int64_t
totp_step(int64_t ms)
{
    return ms / STEP_MS;
}

bool
totp_check(const unsigned char secret[TOTP_SECRET], const char *code, int64_t ms, int64_t *step)
{
    char right[DIGITS + 1];
    bool found = false;

    for (int64_t s = totp_step(ms) - 1; s <= totp_step(ms) + 1; s++) {
        totp_code(right, secret, s);
        if (strlen(code) == DIGITS && CRYPTO_memcmp(code, right, DIGITS) == 0) {
            *step = s;
            found = true;
        }
    }
    return found;
}
