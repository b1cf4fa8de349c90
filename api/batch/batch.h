/*
 * POST /v1/batch: several requests in one.
 */
#ifndef API_BATCH_BATCH_H
#define API_BATCH_BATCH_H

#include "api/schema/field.h"
#include "common/base/err.h"

struct operations;
struct request;

extern const struct shape batch_shape, batch_results_shape;

/*
 * Reads the operations of the request's body, and checks what can be known before any of them runs.
 * ERR_INVALID with complaints.
 */
enum err batch_read(struct request *r, struct operations *all) MUST_CHECK;

enum err batch_execute(struct request *r) MUST_CHECK;

#endif
