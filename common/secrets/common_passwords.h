/*
 * Passwords that are too common.
 */
#ifndef COMMON_SECRETS_COMMON_PASSWORDS_H
#define COMMON_SECRETS_COMMON_PASSWORDS_H

#include <stdbool.h>

/*
 * Is the password one of the most common ones, one of their words with digits and signs around it,
 * a sequence ("abcdefghijkl") or a repetition ("abcabcabcabc")?  Case does not matter.
 */
bool common_passwords_has(const char *password);

#endif
