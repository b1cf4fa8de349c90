/*
 * All checks before a handler runs, according to the route's flags: who the caller is, what kind of
 * body there is, and whether the request was answered before.
 */
#ifndef API_SERVER_GATE_H
#define API_SERVER_GATE_H

#include "api/http/request.h"

/* Handles one request; there is always a reply. */
void gate_serve(struct request *r);

/*
 * The first step of gate_serve(): finds the route, and checks the query, the limits, the caller,
 * the body and the idempotency key.  Sets r->ended, with ERR_NO_AUTH, if the caller's session has
 * ended.
 */
enum err gate_check(struct request *r) MUST_CHECK;

#endif
