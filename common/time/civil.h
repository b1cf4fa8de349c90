/*
 * Dates of the Gregorian calendar, and days counted from 1970-01-01.  Pure.
 */
#ifndef COMMON_TIME_CIVIL_H
#define COMMON_TIME_CIVIL_H

#include <stdint.h>

#define CIVIL_DAY_MS 86400000LL

struct civil {
    int year, month, day; /* month and day from 1 */
};

/* The date of a day; years from 0000 to 9999. */
struct civil civil_of(int64_t day);

/* The day of a date. */
int64_t civil_day(const struct civil *date);

int civil_days_in_month(int year, int month);

/* The day of the week, 0 (Sunday) to 6. */
int civil_weekday(int64_t day);

/* The day of which ms (since the start of 1970-01-01) is a part. */
int64_t civil_day_of_ms(int64_t ms);

#endif
