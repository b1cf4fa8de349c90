/*
 * Which tasks are due in a range of time.  A due instant is the same for everybody;
 * a due date is the reader's day, which is over only when that day is over in the
 * reader's time zone.  So a range has two ends of each kind.
 *
 * The stored dueKey (common/store/derived.h) holds what is compared: an instant (BSON date)
 * for dueAt, the text "2026-01-31" for dueDate, null for neither.  A comparison with a
 * value of one type matches only that type, so one index serves three ranges: the
 * tasks with an instant, those with a date, those without.  Pure.
 */
#ifndef API_CRUD_DUE_RANGE_H
#define API_CRUD_DUE_RANGE_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

#define DUE_KEY "dueKey" /* the stored field */

/* Dates from first to before end, instants (ms) from `from` to before `to`. */
struct due_range {
    const char *first, *end;
    int64_t from, to;
};

/* All dates and all instants. */
extern const struct due_range due_range_any;

/* Narrows a range to what is not before a date or an instant, or to what is before one. */
void due_range_from_date(struct due_range *due, const char *first);
void due_range_to_date(struct due_range *due, const char *end);
void due_range_from_instant(struct due_range *due, int64_t from);
void due_range_to_instant(struct due_range *due, int64_t to);

/* Appends one of the two as a condition. */
void due_range_dates(const struct due_range *due, bson_t *filter);
void due_range_instants(const struct due_range *due, bson_t *filter);

/* Appends both as alternatives: everything that is due within the range. */
void due_range_append(const struct due_range *due, bson_t *filter);

#endif
