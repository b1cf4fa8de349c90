/*
 * Passwords, hashed with scrypt: only a few at once per host, so that log-ins never starve other
 * requests.
 */
#ifndef COMMON_SECRETS_PASSWORD_H
#define COMMON_SECRETS_PASSWORD_H

#include <stdbool.h>

#include "common/base/err.h"

#define PASSWORD_STORED 128 /* libscrypt's SCRYPT_MCF_LEN */
#define PASSWORD_MIN    12  /* characters */
#define PASSWORD_MAX    256 /* bytes */

/*
 * Call before fork(). cost is log2 of N; slots is how many hashes may run at once, over all
 * processes; 0: one fewer than there are cores, at least one.
 */
void password_open(long cost, long slots);

#define PASSWORD_ACCOUNT_PLACES 2 /* hashes of one account at once in a process */

/*
 * Sets the account and address for which this thread hashes from now on, so that one client's many
 * attempts do not shut out the others.  An account (NULL or empty: unknown) has a few places.  When
 * all places of the process are taken, a task from an address with fewer places replaces the newest
 * waiting task from the address with the most.
 */
void password_caller(const char *account, const char *address);

/*
 * Hashes the password's NFKC form, which does not depend on the keyboard, into the text to store.
 * ERR_BUSY if too many wait, or another task replaced this one.
 */
enum err password_hash(const char *password, char stored[PASSWORD_STORED]) MUST_CHECK;

/*
 * *right: is it the password? stored NULL: no such account, and the same work is done.  *outdated
 * (may be NULL): right, but hashed at less than today's cost or before passwords were normalized.
 */
enum err password_check(const char *password, const char *stored, bool *right,
                        bool *outdated) MUST_CHECK;

#endif
