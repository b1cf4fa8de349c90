/*
 * Forged tokens: any header, any claims, any key.
 */
#ifndef TESTS_UNIT_FORGE_H
#define TESTS_UNIT_FORGE_H

#include <stddef.h>

struct text;

#define FORGE_KEY   "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define FORGE_OTHER "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"

/* Appends <header>.<claims>.<HMAC-SHA256>, signed with what is derived from a key of 64 hex digits.
 */
void forge_token(struct text *out, const char *header, size_t header_len, const char *claims,
                 size_t claims_len, const char *key);

#endif
