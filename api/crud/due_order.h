/*
 * Lists in the order of due times.  A date and an instant compare only in a time zone,
 * so no index has them in one order: the tasks with a date and those with an instant
 * are merged for the reader's zone, and those with neither come last, in both directions.
 */
#ifndef API_CRUD_DUE_ORDER_H
#define API_CRUD_DUE_ORDER_H

#include "common/store/store.h"

struct query;
struct request;

/* Like store_find() for a query in an order by due time; at most query->limit + 1 documents. */
enum err due_order_find(struct request *r, const struct query *query, store_each each,
                        void *arg) MUST_CHECK;

#endif
