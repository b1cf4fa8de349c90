/*
 * The dates of a series: a rule in a time zone, counted from its start.  A series is of days
 * (all-day) or of instants that have the start's time of day in the zone.  Where clocks skip that
 * time or show it twice, zone_instant() decides.  Pure, except that it reads zone files.
 */
#ifndef COMMON_TIME_RECURRENCE_H
#define COMMON_TIME_RECURRENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/time/rrule.h"

struct zone;

/* A day, or an instant. */
struct due {
    bool timed;
    int64_t day; /* since 1970-01-01; of an instant, the one that clocks in the zone show */
    int64_t at;  /* ms since 1970, if timed */
};

struct series {
    struct rrule rule;
    const struct zone *zone;
    struct due start;
};

/* An instant in a zone, or an all-day date; false if its year is outside of those of rrule.h. */
bool recurrence_instant(const struct zone *zone, int64_t at, struct due *out);
bool recurrence_date(const char *date, struct due *out);

/* The date of ms since 1970-01-01T00:00 as clocks in the zone show them. */
int64_t recurrence_shown(const struct zone *zone, const struct due *due);

/*
 * Calls each with the dates after `after` (of the same kind as the start), in order, until it
 * returns true, or UNTIL is reached, or `most` dates were found.
 */
typedef bool (*recurrence_each)(void *arg, const struct due *date);
void recurrence_dates(const struct series *series, const struct due *after, int most,
                      recurrence_each each, void *arg);

/*
 * The first date that is after both `due` and `now`; *passed is how many dates there are after due
 * up to it, itself included.  false: there is none, or COUNT (the dates left, with due) is too
 * small.
 */
bool recurrence_next(const struct series *series, const struct due *due, const struct due *now,
                     struct due *out, int *passed);

/* Is there any date on or after the start? */
bool recurrence_occurs(const struct series *series);

#endif
