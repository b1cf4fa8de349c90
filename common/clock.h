/*
 * Time: instants in milliseconds since 1970, and their RFC 3339 spelling.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCK_INSTANT 25 /* "2026-01-02T03:04:05.678Z" and a NUL */
#define CLOCK_DATE    11 /* "2026-01-02" and a NUL */

/* The years 0001 to 9999: what every party to a document can read. */
#define CLOCK_FIRST (-62135596800000LL)
#define CLOCK_LAST  253402300799999LL

/* Now, in ms since 1970 UTC. */
int64_t clock_now(void);

/* A steady clock for durations, in microseconds. */
int64_t clock_steady(void);

/* Spells an instant of the years 0000 to 9999. */
void clock_write(char out[CLOCK_INSTANT], int64_t ms);

/* Reads RFC 3339 with any offset and up to ms; false when it is none. */
bool clock_read(const char *text, size_t len, int64_t *ms);

/* Reads "YYYY-MM-DD" of a day that exists; ms is its midnight in UTC. */
bool clock_read_date(const char *text, size_t len, int64_t *ms);

#endif
