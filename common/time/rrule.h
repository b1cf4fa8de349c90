/*
 * Recurrence rules (RRULE, RFC 5545, 3.3.10) of days: FREQ from DAILY to YEARLY, with INTERVAL,
 * BYDAY, BYMONTH, BYMONTHDAY, BYSETPOS, COUNT, UNTIL and WKST.  Time zones and times of day are
 * recurrence.h's subject.  Pure.
 *
 * libical decides on which days of a period (a day, week, month or year) a rule falls.  It is only
 * asked about one period at a time, and only about periods that the limiting parts do not rule out:
 * version 3.0.16 searches for about a second for rules that never occur, such as
 * FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30.  The limiting parts and BYSETPOS are applied here, because
 * that version ignores BYSETPOS in weeks and negative BYMONTHDAY where they limit.
 */
#ifndef COMMON_TIME_RRULE_H
#define COMMON_TIME_RRULE_H

#include <stdbool.h>
#include <stdint.h>

struct text;

#define RRULE_TEXT_MAX     500  /* characters of a rule */
#define RRULE_INTERVAL_MAX 1000 /* the largest INTERVAL */
#define RRULE_COUNT_MAX    1000 /* the largest COUNT */
#define RRULE_LIST_MAX     62   /* values of BYDAY or BYSETPOS; all that a month has */
#define RRULE_FIRST_YEAR   1600 /* since when libical's calendar is Gregorian, rounded */
#define RRULE_LAST_YEAR    2500 /* libical ends at 2582 */
#define RRULE_EMPTY_MAX    1000 /* periods without an occurrence, one after another: it is over */

enum rrule_freq { RRULE_DAILY, RRULE_WEEKLY, RRULE_MONTHLY, RRULE_YEARLY };
enum rrule_until { RRULE_ENDLESS, RRULE_UNTIL_DATE, RRULE_UNTIL_LOCAL, RRULE_UNTIL_UTC };

struct rrule {
    enum rrule_freq freq;
    int interval;
    int count;               /* 0: not given */
    enum rrule_until end;    /* of what kind UNTIL is */
    int64_t until;           /* ms since 1970-01-01T00:00, as the clocks show it, or in UTC */
    unsigned months;         /* a bit for each of BYMONTH, 1 to 12; 0: not given */
    uint32_t days, from_end; /* a bit for each of BYMONTHDAY, 1 to 31, and -1 to -31 */
    unsigned weekdays;       /* a bit for each weekday in BYDAY, 0 (Sunday) to 6; 0: not given */
    struct {
        int nth, weekday; /* nth 0: every one */
    } by_day[RRULE_LIST_MAX];
    int by_day_count;
    int set_pos[RRULE_LIST_MAX];
    int set_pos_count;
    int week_start; /* a weekday */
};

/* Reads a rule.  NULL, or what is wrong with it: "must ...". */
const char *rrule_read(const char *text, struct rrule *out);

/* Appends a valid rule with another COUNT. */
void rrule_write_count(struct text *out, const char *rule, int count);

/*
 * Calls each with the days (since 1970-01-01) of the rule that are on or after `from`, in order,
 * until it returns true.  The rule is counted from `start`, which is not itself one of the days
 * unless the rule says so; start and from must be in the years RRULE_FIRST_YEAR to
 * RRULE_LAST_YEAR.  COUNT and UNTIL do not end it; the last year and RRULE_EMPTY_MAX do.
 */
typedef bool (*rrule_each)(void *arg, int64_t day);
void rrule_days(const struct rrule *rule, int64_t start, int64_t from, rrule_each each, void *arg);

#endif
