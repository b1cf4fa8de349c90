/*
 * What an operator does for somebody who has lost the second factor.
 */
#ifndef COMMON_ADMIN_STORE_SECOND_FACTOR_H
#define COMMON_ADMIN_STORE_SECOND_FACTOR_H

#include "common/base/err.h"

/*
 * Switches the second factor of an account off (user: its id, 24 hex digits), as one
 * change: all sessions end, and what letters of before would do.  The password and
 * API tokens stay.  ERR_INVALID when that is no id; ERR_NOT_FOUND when there is no
 * such account or it has no second factor; ERR_STORE; all logged.
 */
enum err store_second_factor_remove(const char *uri, const char *database,
                                    const char *user) MUST_CHECK;

#endif
