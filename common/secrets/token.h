/*
 * Access tokens (JWT, HS256, with key ids), and random secrets, which are stored as hashes.
 */
#ifndef COMMON_SECRETS_TOKEN_H
#define COMMON_SECRETS_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/id.h"

struct text;

#define TOKEN_SECONDS 600 /* lifetime of an access token */
#define TOKEN_SECRET  44  /* 256 random bits as base64url, and a NUL */
#define TOKEN_HASH    65  /* SHA-256 in hex, and a NUL */

/* The content of a token.  Whoever verifies one checks `link`: such a token has no user. */
struct token {
    char user[ID_TEXT], session[ID_TEXT];
    int64_t expires;    /* seconds since 1970 */
    int64_t generation; /* of the user's credentials, or of the link, when the session was opened */
    bool link;          /* of a share link: `user` is the link's id, `session` its project's */
};

/* Reads SIGNING_KEYS; call once, before any thread starts.  Errors are written to stderr. */
enum err token_open(const char *keys) MUST_CHECK;

/* A signed access token; the caller calls free(). */
char *token_sign(const struct token *token);

/* Checks format, algorithm, signature and every claim; ERR_NO_AUTH if any is wrong. */
enum err token_verify(const char *text, size_t len, struct token *out) MUST_CHECK;

/* A new secret, and the hash under which it is stored. */
void token_secret(char secret[TOKEN_SECRET], char hash[TOKEN_HASH]);

/* The hash of a secret that a client sent. */
void token_hash(char hash[TOKEN_HASH], const char *secret);

/*
 * A refresh token's secret for a session (24 hex digits), and its hash: 128 random bits, and 128
 * bits that prove that we issued it for this session.
 */
void token_refresh(char secret[TOKEN_SECRET], char hash[TOKEN_HASH], const char *session);

/* Did we issue this secret for the session?  Needs no database. */
bool token_refresh_issued(const char *secret, const char *session);

/*
 * The secret that follows another, for the nth time (from 0).  It is the same each time, so that a
 * rotation can be repeated if its reply was lost, and cannot be computed without our key. i = 0:
 * with the newest key; 1, 2, ...: with earlier keys, as long as it returns true.
 */
bool token_successor(char next[TOKEN_SECRET], int i, const char *secret, const char *session,
                     int64_t nth);

/*
 * A keyed hash of bytes for a purpose (a label like "code:"): unlike a plain hash, an attacker who
 * reads the database cannot test guesses against it. i as above.
 */
bool token_mac(char out[TOKEN_HASH], int i, const char *label, const char *bytes, size_t len);

/* Is it the keyed hash of these bytes, under any of our keys? */
bool token_mac_is(const char *mac, const char *label, const char *bytes, size_t len);

/* Appends bytes, encrypted (AES-256-GCM) under our key and a secret of the caller's. */
void token_encrypt(struct text *out, const char *secret, const char *bytes, size_t len);

/* Was it encrypted with another key than the current one? */
bool token_encrypted_with_old_key(const char *secret, const char *bytes, size_t len);

/*
 * Appends the bytes that token_encrypt() encrypted; ERR_INVALID if the bytes, the key or the secret
 * do not match.
 */
enum err token_decrypt(struct text *out, const char *secret, const char *bytes,
                       size_t len) MUST_CHECK;

#endif
