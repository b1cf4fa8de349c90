/*
 * Passwords: scrypt, a few at once per host, so that log-ins never starve the
 * other requests.
 */
#ifndef COMMON_SECRETS_PASSWORD_H
#define COMMON_SECRETS_PASSWORD_H

#include <stdbool.h>

#include "common/base/err.h"

#define PASSWORD_STORED 128 /* libscrypt's SCRYPT_MCF_LEN */
#define PASSWORD_MIN    12  /* characters */
#define PASSWORD_MAX    256 /* bytes */

/* Before fork(): cost is log2 of N; slots are hashes at once, over all
 * processes; 0: one fewer than there are cores, at least one. */
void password_open(long cost, long slots);

#define PASSWORD_ACCOUNT_PLACES 2 /* hashes of one account at once in a process */

/*
 * For whom this thread hashes from now on, so that nobody's many tries shut the
 * others out.  An account (NULL or empty: not known) has a few places.  When all
 * places of the process are taken, who comes from an address with fewer of them
 * displaces the newest that waits from the address with the most.
 */
void password_caller(const char *account, const char *address);

/*
 * Hashes the password's NFKC form, which does not depend on the keyboard, into
 * what is stored.  ERR_BUSY when too many wait, or it was displaced.
 */
enum err password_hash(const char *password, char stored[PASSWORD_STORED]) MUST_CHECK;

/*
 * *right tells whether it is the password; stored NULL: nobody's, and the same
 * work.  *outdated (may be NULL): right, but hashed for less than today's cost or
 * before passwords were normalized.
 */
enum err password_check(const char *password, const char *stored, bool *right,
                        bool *outdated) MUST_CHECK;

#endif
