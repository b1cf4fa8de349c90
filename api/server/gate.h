/*
 * All that is decided before a handler runs, from the route's flags: who, what
 * kind of body, and whether the request was answered before.
 */
#ifndef API_SERVER_GATE_H
#define API_SERVER_GATE_H

#include <stdbool.h>

#include "api/http/request.h"

/* One request from its first to its last decision; the reply is always made. */
void gate_serve(struct request *r);

/* For tests: all that comes before the handler.  *done: replayed. */
enum err gate_check(struct request *r, bool *done) MUST_CHECK;

#endif
