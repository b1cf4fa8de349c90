/*
 * Email addresses as people type them, converted to the one spelling that is stored.  The only user
 * of libidn2.  Pure.
 */
#ifndef COMMON_TEXT_EMAIL_H
#define COMMON_TEXT_EMAIL_H

#include <stdbool.h>

#define EMAIL_MAX 254 /* bytes (RFC 5321, 4.5.3.1.3, without the angle brackets) */

/*
 * The address without white space and format characters, lower-cased, its domain as punycode,
 * malloc'ed.  NULL if it is not valid: before the @ a dot-atom of ASCII (RFC 5322, 3.2.3), after it
 * at least two labels of letters, digits and inner hyphens, the last of which is not a number.
 */
char *email_normal(const char *typed);

#endif
