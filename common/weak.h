/*
 * Passwords that are too common.
 */
#ifndef COMMON_WEAK_H
#define COMMON_WEAK_H

#include <stdbool.h>

/*
 * Is it among the commonest, one of their words lengthened with digits and
 * signs, or a mere sequence or repetition?
 */
bool weak_password(const char *password);

#endif
