/*
 * Phone numbers as E.164 writes them.  Pure.
 */
#ifndef COMMON_TEXT_PHONE_H
#define COMMON_TEXT_PHONE_H

#include <stdbool.h>

#define PHONE_E164 17 /* "+", at most 15 digits and a NUL */

/*
 * What people type ("+49 (0)170 / 123-45 67") as "+491701234567": without signs
 * between, format characters and other scripts' digits as a contacts app may paste
 * them, and without the 0 that is dialled inside a country only.  false when
 * it is no international number.
 */
bool phone_normal(const char *typed, char out[PHONE_E164]);

#endif
