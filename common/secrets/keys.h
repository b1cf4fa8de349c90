/*
 * SIGNING_KEYS, and the keys derived from them: one for each purpose, so that no key is used for
 * two purposes (HKDF-SHA256, RFC 5869; NIST SP 800-57 part 1, 5.2).
 */
#ifndef COMMON_SECRETS_KEYS_H
#define COMMON_SECRETS_KEYS_H

#include <stddef.h>

#include "common/base/err.h"

#define KEYS_MAX  8  /* signing keys at once; more than one only during rotation */
#define KEY_BYTES 32 /* size of a signing key, a derived key and a MAC */

enum key_use {
    KEY_ACCESS,    /* signs access tokens */
    KEY_ENCRYPT,   /* encrypts data that only the server may read */
    KEY_MAC,       /* hashes values that could be guessed */
    KEY_SUCCESSOR, /* derives the refresh token that follows another */
    KEY_ISSUED,    /* marks refresh tokens as issued by us */
    KEY__COUNT
};

/*
 * Reads lines of `kid hex`; call once, before any thread starts.  The first key is the current one,
 * the others only verify.  ERR_INVALID, with a sentence on stderr.
 */
enum err keys_open(const char *text) MUST_CHECK;

/* The number of signing keys; the name of one; its key for a purpose. */
int keys_count(void);
const char *keys_id(int i);
const unsigned char *keys_for(int i, enum key_use use);

/* The input of a MAC: a label that names its use, and bytes. */
struct key_message {
    const char *label, *bytes;
    size_t len;
};

/* HMAC-SHA256 under key i for a purpose. */
void keys_mac(unsigned char out[KEY_BYTES], int i, enum key_use use, const struct key_message *m);

/*
 * The MAC as it was computed before each purpose had its own key: only to verify values stored
 * then.
 */
void keys_mac_undivided(unsigned char out[KEY_BYTES], int i, const struct key_message *m);

#endif
