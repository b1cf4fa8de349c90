/*
 * For an operator whose user has lost the second factor.
 */
#ifndef COMMON_ADMIN_STORE_SECOND_FACTOR_H
#define COMMON_ADMIN_STORE_SECOND_FACTOR_H

#include "common/base/err.h"

/*
 * Turns off an account's second factor (user: its id, 24 hex digits), as one change: all sessions
 * end, and links and codes in earlier emails become invalid.  The password and API tokens stay.
 * ERR_INVALID if it is not an id; ERR_NOT_FOUND if there is no such account or it has no second
 * factor; ERR_STORE; all are logged.
 */
enum err store_second_factor_remove(const char *uri, const char *database,
                                    const char *user) MUST_CHECK;

#endif
