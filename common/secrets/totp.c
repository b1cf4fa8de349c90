/*
 * Codes by liboath: six digits, HMAC-SHA-1, a new one every 30 seconds, which authenticator apps
 * assume by default.
 */
#include "common/secrets/totp.h"

#include <oath.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"

#define STEP_MS 30000
#define DIGITS  6

void
totp_base32(char *out, const unsigned char *bytes, size_t len)
{
    char *padded;
    size_t end;

    if (oath_base32_encode((const char *)bytes, len, &padded, NULL) != OATH_OK)
        must_not_happen("totp: base32 failed");
    end = strcspn(padded, "=");
    memcpy(out, padded, end);
    out[end] = '\0';
    explicit_bzero(padded, end);
    free(padded);
}

void
totp_code(char out[DIGITS + 1], const unsigned char secret[TOTP_SECRET], int64_t step)
{
    if (oath_hotp_generate((const char *)secret, TOTP_SECRET, (uint64_t)step, DIGITS, false,
                           OATH_HOTP_DYNAMIC_TRUNCATION, out) != OATH_OK)
        must_not_happen("totp: HMAC failed");
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
