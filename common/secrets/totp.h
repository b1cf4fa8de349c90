/*
 * Time-based one-time codes (RFC 6238), a new one every 30 seconds, and the spelling of secrets in
 * base32.
 */
#ifndef COMMON_SECRETS_TOTP_H
#define COMMON_SECRETS_TOTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOTP_SECRET      20 /* bytes, as RFC 4226 recommends */
#define TOTP_BASE32(len) (((len)*8 + 4) / 5 + 1)

/* len bytes as upper-case base32 without padding, and a NUL. */
void totp_base32(char *out, const unsigned char *bytes, size_t len);

/* The code of a step, six digits and a NUL. */
void totp_code(char out[7], const unsigned char secret[TOTP_SECRET], int64_t step);

/* The step at an instant (ms). */
int64_t totp_step(int64_t ms);

/*
 * Is it the code of the current step, the one before or the one after (clocks differ)?  *step is
 * which; the caller must refuse a step that was already used.
 */
bool totp_check(const unsigned char secret[TOTP_SECRET], const char *code, int64_t ms,
                int64_t *step);

#endif
