/*
 * Due times from the caller's point of view: in the caller's time zone, and now.
 */
#ifndef API_CRUD_DUE_H
#define API_CRUD_DUE_H

#include <stdbool.h>

#include "common/base/err.h"

struct request;
struct zone;

/* The caller's time zone; read from the store once per request. */
enum err due_zone(struct request *r, const struct zone **zone) MUST_CHECK;

/*
 * Reads the parameters dueBefore, dueAfter, today and overdue; sets r->due if one of them limits
 * the list.
 */
enum err due_read(struct request *r, bool *overdue) MUST_CHECK;

#endif
