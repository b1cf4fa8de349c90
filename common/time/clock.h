/*
 * Time: instants in milliseconds since 1970, and their RFC 3339 spelling.
 */
#ifndef COMMON_TIME_CLOCK_H
#define COMMON_TIME_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_INSTANT 25 /* "2026-01-02T03:04:05.678Z" and a NUL */
#define CLOCK_DATE    11 /* "2026-01-02" and a NUL */

/* The years 0001 to 9999, which every client and database can represent. */
#define CLOCK_FIRST (-62135596800000LL)
#define CLOCK_LAST  253402300799999LL

/*
 * Now, in ms since 1970 UTC: the database server's time once it is known (store_clock.h), so that
 * the hosts' clocks need not agree; until then, and in programs without a database, the host's
 * time.  It never goes backwards, except by a correction of more than a minute.
 */
int64_t clock_now(void);

/*
 * Notes that the database reported the time `server` (ms since 1970) between two readings of
 * clock_steady().  Corrects clock_now() by no more than this proves wrong.
 */
void clock_adjust(int64_t server, int64_t before, int64_t after);

/* A steady clock for durations, in microseconds. */
int64_t clock_steady(void);

/* The instant in ms milliseconds, for the timed waits of pthread.h by the steady clock. */
struct timespec clock_in(long ms);

/* Initializes a condition whose timed waits end by the steady clock. */
void clock_cond_init(pthread_cond_t *cond);

/* Spells an instant of the years 0000 to 9999. */
void clock_write(char out[CLOCK_INSTANT], int64_t ms);

/* Reads RFC 3339 with any offset and up to ms; false if it is not valid. */
bool clock_read(const char *text, size_t len, int64_t *ms);

/* Reads "YYYY-MM-DD" of an existing day; ms is its midnight in UTC. */
bool clock_read_date(const char *text, size_t len, int64_t *ms);

#endif
