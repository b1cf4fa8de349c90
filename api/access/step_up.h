/*
 * Routes with the flag STEP_UP: a session that was stolen an hour ago shall not
 * make API tokens or take all data away.
 */
#ifndef API_ACCESS_STEP_UP_H
#define API_ACCESS_STEP_UP_H

#include "common/base/err.h"

struct request;

#define STEP_UP_MS (15LL * 60 * 1000) /* after a log-in or a confirmation (sessions_confirm()) */

/* ERR_STEP_UP unless the password of the caller's session was given within STEP_UP_MS. */
enum err step_up_check(struct request *r) MUST_CHECK;

#endif
