/*
 * Routes with the flag STEP_UP: a stolen session must not be enough to create API tokens, to export
 * all data, or to end all other sessions, which also drops a change of address in progress.
 */
#ifndef API_ACCESS_STEP_UP_H
#define API_ACCESS_STEP_UP_H

#include "common/base/err.h"

struct request;

#define STEP_UP_MS (15LL * 60 * 1000) /* since a log-in or a confirmation */

/* ERR_STEP_UP unless the password was given in the caller's session within STEP_UP_MS. */
enum err step_up_check(struct request *r) MUST_CHECK;

#endif
