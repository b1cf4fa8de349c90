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

/*
 * The same for an operation of a batch, whose caller has been checked: finds the route, checks the
 * limits, the token's scopes and the preconditions, and computes the digest if it has a key.
 */
enum err gate_check_op(struct request *op) MUST_CHECK;

/*
 * Sets r->key, the id of the record of r->idempotency_key.  It never equals that of another user's
 * key, nor of a key used with the user's token that is bound to projects.
 */
void gate_key(struct request *r);

/*
 * After a handler refused a request with a key: replies with the record of another request with the
 * same key if that took effect in the meantime, else returns the refusal.
 */
enum err gate_answer_of_twin(struct request *r, enum err refusal) MUST_CHECK;

#endif
