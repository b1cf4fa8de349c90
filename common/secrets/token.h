/*
 * Access tokens: JWT, HS256, with key ids.  And random secrets, kept hashed.
 */
#ifndef COMMON_SECRETS_TOKEN_H
#define COMMON_SECRETS_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct text;

#define TOKEN_SECONDS 600 /* an access token's life */
#define TOKEN_SECRET  44  /* 256 random bits as base64url, and a NUL */
#define TOKEN_HASH    65  /* SHA-256 in hex, and a NUL */

/* What a token says. */
struct token {
    char user[25], session[25];
    int64_t expires;    /* seconds since 1970 */
    int64_t generation; /* of the user's credentials, under which the session was opened */
};

/* Reads SIGNING_KEYS once, before any thread starts; says on stderr what is wrong. */
enum err token_open(const char *keys) MUST_CHECK;

/* A signed access token, to free(). */
char *token_sign(const struct token *token);

/* Checks shape, algorithm, signature and every claim; ERR_NO_AUTH otherwise. */
enum err token_verify(const char *text, size_t len, struct token *out) MUST_CHECK;

/* A new secret, and the hash under which it is stored. */
void token_secret(char secret[TOKEN_SECRET], char hash[TOKEN_HASH]);

/* The hash of a secret that came back. */
void token_hash(char hash[TOKEN_HASH], const char *secret);

/*
 * A refresh token's secret for a session (24 hex digits), and its hash: 128
 * random bits, and as many that prove that we issued them for this session.
 */
void token_refresh(char secret[TOKEN_SECRET], char hash[TOKEN_HASH], const char *session);

/* Did we ever issue this secret for the session?  No store is asked. */
bool token_refresh_issued(const char *secret, const char *session);

/*
 * The secret that follows another: the same each time, so that a rotation whose
 * reply was lost can be repeated, and not to be told without our key.  i = 0:
 * under the newest key; 1, 2, ...: what it was under earlier ones, while it
 * returns true.
 */
bool token_successor(char next[TOKEN_SECRET], int i, const char *secret, const char *session);

/*
 * A keyed hash of bytes for a purpose (a label like "code:"): unlike a bare one
 * it cannot be tried out by whoever reads the database.  i as above.
 */
bool token_mac(char out[TOKEN_HASH], int i, const char *label, const char *bytes, size_t len);

/* Is it the keyed hash of these, under any of our keys? */
bool token_mac_is(const char *mac, const char *label, const char *bytes, size_t len);

/* Appends bytes, encrypted (AES-256-GCM) under our key and a secret of the caller's. */
void token_seal(struct text *out, const char *secret, const char *bytes, size_t len);

/* Was it sealed under another key than the one that seals now? */
bool token_seal_is_old(const char *secret, const char *bytes, size_t len);

/* Appends what token_seal() was given; ERR_INVALID if any of the three differs. */
enum err token_unseal(struct text *out, const char *secret, const char *bytes,
                      size_t len) MUST_CHECK;

#endif
