/*
 * Requests whose answer may be long (routes with the flag COSTLY): each holds a
 * thread for seconds, and for as long as a slow client takes to read.  So a user
 * may have only some of them under way in a process, and all users together not
 * so many that none are left for everything else.
 */
#ifndef API_SERVER_COSTLY_H
#define API_SERVER_COSTLY_H

#include "common/base/err.h"

struct request;

/*
 * ERR_THROTTLED when the caller has API_THREADS / 4 under way in this process (at
 * least two); ERR_BUSY when all users have API_THREADS * 3 / 4.  After ERR_NONE
 * costly_leave() must follow.
 */
enum err costly_enter(struct request *r) MUST_CHECK;
void costly_leave(const struct request *r);

#endif
