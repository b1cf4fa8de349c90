/*
 * SIGNING_KEYS, and the keys derived from them: one per purpose, so that no key
 * is used for two things (HKDF-SHA256, RFC 5869; NIST SP 800-57 part 1, 5.2).
 */
#ifndef COMMON_SECRETS_KEYS_H
#define COMMON_SECRETS_KEYS_H

#include <stddef.h>

#include "common/base/err.h"

#define KEYS_MAX  8  /* signing keys at once; there is more than one only while they rotate */
#define KEY_BYTES 32 /* of a signing key, of a derived key and of a MAC */

enum key_use {
    KEY_ACCESS,    /* signs access tokens */
    KEY_SEAL,      /* encrypts what only we may read */
    KEY_MAC,       /* hashes what could be guessed */
    KEY_SUCCESSOR, /* makes the refresh token that follows another */
    KEY_ISSUED,    /* marks refresh tokens as issued by us */
    KEY__COUNT
};

/*
 * Reads lines of `kid hex` once, before any thread starts; the first key is the
 * one in use, the others only verify.  ERR_INVALID, with a sentence on stderr.
 */
enum err keys_open(const char *text) MUST_CHECK;

/* How many signing keys there are; the name of one; its key for a purpose. */
int keys_count(void);
const char *keys_id(int i);
const unsigned char *keys_for(int i, enum key_use use);

/* What a MAC is made of: a label that says what for, and bytes. */
struct key_message {
    const char *label, *bytes;
    size_t len;
};

/* HMAC-SHA256 under key i for a purpose. */
void keys_mac(unsigned char out[KEY_BYTES], int i, enum key_use use, const struct key_message *m);

/*
 * The same as it was made before each purpose had its own key: for what was
 * stored then.  Nothing new is made with it.
 */
void keys_mac_undivided(unsigned char out[KEY_BYTES], int i, const struct key_message *m);

#endif
