/*
 * POST /v1/tasks/bulk: the same change of many entities, named by their ids or by a list's
 * parameters.  For a route whose `on` is a resource with a list at its path.
 */
#ifndef API_BATCH_BULK_H
#define API_BATCH_BULK_H

#include "api/schema/field.h"
#include "common/base/err.h"

struct request;

extern const struct shape bulk_shape, bulk_result_shape;

enum err bulk_execute(struct request *r) MUST_CHECK;

#endif
