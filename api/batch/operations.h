/*
 * Several operations of one caller, run one after another in as few transactions as possible.
 */
#ifndef API_BATCH_OPERATIONS_H
#define API_BATCH_OPERATIONS_H

#include "api/batch/operation.h"

/*
 * Makes room for CHANGE_STEPS operations of a request.  *all must be zero, and live until the
 * request ends; its settled must be set before it runs.  The caller fills in items and count, and
 * calls operation_check() for each.
 */
void operations_start(struct operations *all, struct request *r);

/*
 * Runs the operations and reports the result of each by settled(), in order.  If they are atomic
 * and one fails, its problem is set in the request and its error returned.
 */
enum err operations_run(struct operations *all) MUST_CHECK;

/* Makes room for the next ones of the same request. */
void operations_clear(struct operations *all);

#endif
