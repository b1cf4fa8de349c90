/*
 * A rule gives days; this file adds the time of day, the zone, UNTIL and COUNT.
 */
#include "common/time/recurrence.h"

#include <string.h>

#include "common/time/civil.h"
#include "common/time/zone.h"

static bool
is_in_range(const struct due *due)
{
    int year = civil_of(due->day).year;

    return year >= RRULE_FIRST_YEAR && year <= RRULE_LAST_YEAR;
}

int64_t
recurrence_shown(const struct zone *zone, const struct due *due)
{
    return due->timed ? due->at + zone_offset(zone, due->at) * 1000LL : due->day * CIVIL_DAY_MS;
}

bool
recurrence_instant(const struct zone *zone, int64_t at, struct due *out)
{
    *out = (struct due){.timed = true, .at = at};
    out->day = civil_day_of_ms(recurrence_shown(zone, out));
    return is_in_range(out);
}

bool
recurrence_date(const char *date, struct due *out)
{
    int64_t ms;

    *out = (struct due){.timed = false};
    if (!clock_read_date(date, strlen(date), &ms))
        return false;
    out->day = ms / CIVIL_DAY_MS;
    return is_in_range(out);
}

struct walk {
    const struct series *series;
    int64_t time;    /* of day, ms */
    struct due last; /* only later dates count */
    int left;
    recurrence_each each;
    void *arg;
};

static bool
is_after(const struct due *a, const struct due *b)
{
    return a->timed ? a->at > b->at : a->day > b->day;
}

/* Is a date later than UNTIL, which may be of another kind? */
static bool
is_over(const struct series *s, const struct due *date)
{
    struct due until;

    switch (s->rule.end) {
    case RRULE_ENDLESS:
        return false;
    case RRULE_UNTIL_DATE:
        return date->day > civil_day_of_ms(s->rule.until);
    case RRULE_UNTIL_LOCAL:
        return date->timed ? recurrence_shown(s->zone, date) > s->rule.until
                           : date->day > civil_day_of_ms(s->rule.until);
    case RRULE_UNTIL_UTC:
        break;
    }
    (void)recurrence_instant(s->zone, s->rule.until, &until);
    return date->timed ? date->at > until.at : date->day > until.day;
}

/* rrule_each */
static bool
visit(void *arg, int64_t day)
{
    struct walk *w = arg;
    struct due date = {.timed = w->series->start.timed, .day = day};

    if (date.timed) /* of a day that the zone skipped, it is on the next one */
        (void)recurrence_instant(
            w->series->zone, zone_instant(w->series->zone, day * CIVIL_DAY_MS + w->time), &date);
    if (is_over(w->series, &date))
        return true;
    if (!is_after(&date, &w->last))
        return false;
    w->last = date;
    return w->each(w->arg, &date) || --w->left == 0;
}

void
recurrence_dates(const struct series *s, const struct due *after, int most, recurrence_each each,
                 void *arg)
{
    struct walk w = {s, 0, *after, most, each, arg};

    w.time = recurrence_shown(s->zone, &s->start) - s->start.day * CIVIL_DAY_MS;
    if (most > 0 && is_in_range(after))
        rrule_days(&s->rule, s->start.day, after->day - after->timed, visit, &w);
}

struct next {
    const struct due *now;
    struct due *out;
    int passed, count;
    bool found;
};

/* recurrence_each */
static bool
take_next(void *arg, const struct due *date)
{
    struct next *n = arg;

    if (n->count > 0 && n->passed + 2 > n->count) /* due itself is one of them */
        return true;
    n->passed++;
    n->found = is_after(date, n->now);
    *n->out = *date;
    return n->found;
}

bool
recurrence_next(const struct series *s, const struct due *due, const struct due *now,
                struct due *out, int *passed)
{
    bool late = is_after(now, due), counted = s->rule.count > 0;
    struct next n = {late ? now : due, out, 0, s->rule.count, false};

    /* Only COUNT needs the dates between. */
    recurrence_dates(s, late && !counted ? now : due, counted ? s->rule.count : 1, take_next, &n);
    *passed = n.passed;
    return n.found;
}

static bool
stop(void *arg, const struct due *date)
{
    (void)date;
    *(bool *)arg = true;
    return true;
}

bool
recurrence_occurs(const struct series *s)
{
    struct due before = s->start;
    bool found = false;

    before.at -= before.timed;
    before.day -= !before.timed;
    recurrence_dates(s, &before, 1, stop, &found);
    return found;
}
