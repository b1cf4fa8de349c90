/*
 * All checks before a handler runs, according to the route's flags: who the caller is, what kind of
 * body there is, and whether the request was answered before.
 */
#ifndef API_SERVER_GATE_H
#define API_SERVER_GATE_H

#include <stdbool.h>

#include "api/http/request.h"

/* Handles one request; there is always a reply. */
void gate_serve(struct request *r);

/* For tests: everything before the handler.  *done: replied from a record. */
enum err gate_check(struct request *r, bool *done) MUST_CHECK;

#endif
