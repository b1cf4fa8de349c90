/*
 * Phone numbers in E.164 form.  Pure.
 */
#ifndef COMMON_TEXT_PHONE_H
#define COMMON_TEXT_PHONE_H

#include <stdbool.h>

#define PHONE_E164 17 /* "+", at most 15 digits and a NUL */

/*
 * Converts what people type ("+49 (0)170 / 123-45 67") to "+491701234567": removes separators,
 * format characters and the 0 that is dialled only inside a country, and accepts the digits of
 * other scripts, as a contacts app may paste them. false if it is not an international number.
 */
bool phone_normal(const char *typed, char out[PHONE_E164]);

#endif
