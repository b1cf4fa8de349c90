/*
 * Time zones by name ("Europe/Berlin"), read from the system's zone files
 * (TZif, RFC 8536), and the civil days of each.  Thread-safe; no environment
 * variable and no state of the C library is involved.
 *
 * A day is the time from its first instant to the first instant of the next
 * day.  Where clocks go back over midnight, the first of the two midnights
 * counts; where they skip it, the instant after the gap; a date that a zone
 * skipped altogether (Samoa, 2011-12-30) is an empty day.
 */
#ifndef COMMON_TIME_ZONE_H
#define COMMON_TIME_ZONE_H

#include <stdint.h>

#include "common/time/clock.h"

#define ZONE_NAME_MAX 64 /* characters; the longest name of tzdata has 32 */

struct zone;

/*
 * The zone of that name; it lives as long as the process.  NULL when the name
 * is not that of a zone's own file: paths, "posix/..." and "right/..." (copies
 * of the same zones, the latter counting leap seconds), "posixrules" and
 * "localtime" (links to whatever the host prefers) are none.  A file that was
 * read is kept, so an update of tzdata needs a restart.
 */
const struct zone *zone_find(const char *name);

/* Like zone_find(), but UTC for NULL and for names that are not zones. */
const struct zone *zone_or_utc(const char *name);

/* The zone's name, for zone_find(). */
const char *zone_name(const struct zone *zone);

/* Seconds east of UTC at an instant (ms since 1970). */
int zone_offset(const struct zone *zone, int64_t ms);

/*
 * The instant (ms) at which clocks there show a date and time, given in ms since they showed
 * 1970-01-01T00:00.  The first of two; for a time that was skipped, as RFC 5545 (3.3.5) has it, the
 * instant that the clocks would have shown without the change.
 */
int64_t zone_instant(const struct zone *zone, int64_t shown);

/* The zone's date at an instant; at most 9999-12-31 and at least 0001-01-01. */
void zone_date(const struct zone *zone, int64_t ms, char out[CLOCK_DATE]);

/* The first instant (ms) of a date in the zone, "YYYY-MM-DD" of an existing day. */
int64_t zone_date_start(const struct zone *zone, const char *date);

/* The first instant (ms) after a date in the zone. */
int64_t zone_date_end(const struct zone *zone, const char *date);

#endif
