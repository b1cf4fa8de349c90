/*
 * Years start in March here, so that leap days come last.
 */
#include "common/time/civil.h"

#include <stdbool.h>

#define ERA_DAYS   146097 /* 400 years, after which the calendar repeats */
#define EPOCH_DAYS 719468 /* from 0000-03-01 to 1970-01-01 */

struct civil
civil_of(int64_t days)
{
    int64_t day = days + EPOCH_DAYS, era = (day >= 0 ? day : day - ERA_DAYS + 1) / ERA_DAYS;
    int64_t of_era = day - era * ERA_DAYS;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;

    day = of_year - (153 * month + 2) / 5 + 1;
    month += month < 10 ? 3 : -9;
    return (struct civil){(int)(year + era * 400 + (month <= 2)), (int)month, (int)day};
}

int64_t
civil_day(const struct civil *date)
{
    int64_t year = date->year - (date->month <= 2);
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t month = date->month + (date->month > 2 ? -3 : 9);
    int64_t of_year = (153 * month + 2) / 5 + date->day - 1;

    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAYS;
}

int
civil_days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

int
civil_weekday(int64_t day)
{
    return (int)(((day + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
}

int64_t
civil_day_of_ms(int64_t ms)
{
    return ms / CIVIL_DAY_MS - (ms % CIVIL_DAY_MS < 0);
}
