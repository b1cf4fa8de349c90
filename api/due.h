/*
 * When tasks are due, as their reader sees it.  A due instant is the same for
 * everybody; a due date is the reader's day, over only when that day is over in
 * the reader's time zone.
 *
 * The stored dueKey (common/derived.h) holds what is compared: an instant (BSON date) for dueAt,
 * the text "2026-01-31" for dueDate, null for neither.  A comparison with a
 * value of one type matches only that type, so one index serves three ranges:
 * the tasks with an instant, those with a date, those without.  A filter is
 * two ranges, and an order by due time merges the first two for the reader's
 * zone and puts the third behind them, in both directions.
 */
#ifndef API_DUE_H
#define API_DUE_H

#include <bson/bson.h>

#include "common/store.h"

struct query;
struct request;
struct zone;

/* Dates from first to before end, instants (ms) from `from` to before `to`. */
struct due_range {
    const char *first, *end;
    int64_t from, to;
};

/* The caller's time zone; read from the store once for a request. */
enum err due_zone(struct request *r, const struct zone **zone) MUST_CHECK;

/* Reads dueBefore, dueAfter, today and overdue; sets r->due if one of them limits the list. */
enum err due_read(struct request *r, bool *overdue) MUST_CHECK;

/* Appends both ranges as conditions of a list in any other order. */
void due_append(const struct due_range *due, bson_t *filter);

/* Appends one of the two alone: of dates, or of instants. */
void due_append_part(const struct due_range *due, bool dates, bson_t *filter);

/* As store_find() for a query in an order by due time; at most query->limit + 1 documents. */
enum err due_find(struct request *r, enum store_name store, const struct query *query,
                  store_each each, void *arg) MUST_CHECK;

#endif
