/*
 * Requests whose reply may be long (routes with the flag COSTLY): each occupies a thread for
 * seconds, and for as long as a slow client takes to read.  So a user may run only some of them at
 * once in a process, and all users together only so many that threads are left for other requests.
 */
#ifndef API_SERVER_COSTLY_H
#define API_SERVER_COSTLY_H

#include "common/base/err.h"

struct request;

/*
 * ERR_THROTTLED if the caller has API_THREADS / 4 running in this process (at least two); ERR_BUSY
 * if all users together have API_THREADS * 3 / 4.  After ERR_NONE costly_leave() must follow.
 */
enum err costly_enter(struct request *r) MUST_CHECK;
void costly_leave(const struct request *r);

#endif
