/*
 * Saved filters, for their own routes and for others that show them.
 */
#ifndef API_V1_TASKS_SAVED_FILTERS_H
#define API_V1_TASKS_SAVED_FILTERS_H

#include <bson/bson.h>

struct request;

/* {userId: the caller}; the request owns it. */
bson_t *saved_filters_own(struct request *r);

#endif
