/*
 * POST /v1/batch: several requests in one.
 */
#ifndef API_BATCH_BATCH_H
#define API_BATCH_BATCH_H

#include "api/schema/field.h"
#include "common/base/err.h"

struct request;

extern const struct shape batch_shape, batch_results_shape;

enum err batch_execute(struct request *r) MUST_CHECK;

#endif
