/*
 * Times of filters: a base, `today`, `now`, a date or an instant, and an offset.  Hours are exact.
 * Days, weeks, months and years move the date; of an instant, the time since its day began stays.
 */
#include "api/filter/filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/time/zone.h"

#define HOUR          INT64_C(3600000) /* ms */
#define DAY           (24 * HOUR)
#define OFFSET_DIGITS 6 /* most digits of an offset */

enum unit { HOURS, DAYS, WEEKS, MONTHS, YEARS, UNIT__COUNT };

static const char *const units[] = {"h", "d", "w", "mo", "y"};

struct offset {
    long amount; /* with its sign; 0: none */
    enum unit unit;
};

/* Reads "+3d", "-1h" or "3d"; false: it is none. */
static bool
read_offset(const char *text, struct offset *out)
{
    const char *digits = text + (*text == '+' || *text == '-');
    size_t len = strspn(digits, "0123456789");

    if (len == 0 || len > OFFSET_DIGITS)
        return false;
    out->amount = strtol(digits, NULL, 10) * (*text == '-' ? -1 : 1);
    for (int i = 0; i < UNIT__COUNT; i++) {
        if (strcmp(digits + len, units[i]) == 0) {
            out->unit = (enum unit)i;
            return true;
        }
    }
    return false;
}

bool
filter_time_offset(const char *text)
{
    struct offset ignored;

    return read_offset(text, &ignored);
}

enum base { TODAY, NOW, DATE, INSTANT };

struct literal {
    enum base base;
    char date[CLOCK_DATE];
    int64_t at;
    struct offset offset;
};

/* Is the text a keyword, alone or with an offset behind it? */
static bool
read_keyword(const struct filter_value *v, const char *keyword, const char **rest)
{
    size_t len = strlen(keyword);

    *rest = v->folded + len;
    return !v->quoted && strncmp(v->folded, keyword, len) == 0 &&
           (**rest == '\0' || **rest == '+' || **rest == '-');
}

static bool
read_literal(const struct filter_value *v, struct literal *out)
{
    const char *rest = "";
    int64_t ms;

    *out = (struct literal){0};
    if (read_keyword(v, "today", &rest)) {
        out->base = TODAY;
    } else if (read_keyword(v, "now", &rest)) {
        out->base = NOW;
    } else if (strlen(v->folded) >= CLOCK_DATE - 1 &&
               clock_read_date(v->folded, CLOCK_DATE - 1, &ms) &&
               strchr("+-", v->folded[CLOCK_DATE - 1]) != NULL) {
        out->base = DATE;
        memcpy(out->date, v->folded, CLOCK_DATE - 1);
        rest = v->folded + CLOCK_DATE - 1;
    } else {
        rest = "";
        out->base = INSTANT;
        if (!clock_read(v->text, strlen(v->text), &out->at))
            return false;
    }
    if (*rest != '\0')
        return v->offset == NULL && read_offset(rest, &out->offset);
    return v->offset == NULL || read_offset(v->offset, &out->offset);
}

bool
filter_time_ok(const struct filter_value *v)
{
    struct literal ignored;

    return read_literal(v, &ignored);
}

/* ------------------------------------------------------------ calendar */

static int
days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

/* Moves a date by months; a day that the month does not have becomes its last. */
static bool
add_months(char date[CLOCK_DATE], long months)
{
    int day = (int)strtol(date + 8, NULL, 10);
    long count = strtol(date, NULL, 10) * 12 + strtol(date + 5, NULL, 10) - 1 + months;
    long year = count / 12, month = count % 12 + 1;
    char text[64];

    if (count < 12 || year > 9999)
        return false;
    if (day > days_of_month((int)year, (int)month))
        day = days_of_month((int)year, (int)month);
    snprintf(text, sizeof(text), "%04ld-%02ld-%02d", year, month, day);
    memcpy(date, text, CLOCK_DATE - 1);
    return true;
}

static bool
add_days(char date[CLOCK_DATE], long days)
{
    char text[CLOCK_INSTANT];
    int64_t ms;

    if (!clock_read_date(date, CLOCK_DATE - 1, &ms))
        return false;
    ms += days * DAY;
    if (ms < CLOCK_FIRST || ms > CLOCK_LAST)
        return false;
    clock_write(text, ms);
    memcpy(date, text, CLOCK_DATE - 1);
    return true;
}

static bool
move_date(char date[CLOCK_DATE], const struct offset *by)
{
    switch (by->unit) {
    case WEEKS:
        return add_days(date, by->amount * 7);
    case MONTHS:
        return add_months(date, by->amount);
    case YEARS:
        return add_months(date, by->amount * 12);
    default:
        return add_days(date, by->amount);
    }
}

/* ------------------------------------------------------------ meaning */

static void
set_day(struct filter_time *t, const struct zone *zone)
{
    t->is_day = true;
    t->from = zone_date_start(zone, t->day);
    t->to = zone_date_end(zone, t->day);
}

static bool
set_instant(struct filter_time *t, const struct zone *zone, int64_t ms)
{
    if (ms < CLOCK_FIRST || ms > CLOCK_LAST)
        return false;
    t->is_day = false;
    t->from = t->to = ms;
    zone_date(zone, ms, t->day);
    return true;
}

/* An instant, moved. */
static bool
resolve_instant(struct filter_time *t, const struct zone *zone, int64_t at, const struct offset *by)
{
    char date[CLOCK_DATE];
    int64_t since;

    if (by->unit == HOURS || by->amount == 0)
        return set_instant(t, zone, at + by->amount * HOUR);
    zone_date(zone, at, date);
    since = at - zone_date_start(zone, date);
    return move_date(date, by) && set_instant(t, zone, zone_date_start(zone, date) + since);
}

static bool
resolve(struct filter_value *v, const struct zone *zone, int64_t now)
{
    struct filter_time *t = &v->time;
    struct literal l;

    if (!read_literal(v, &l))
        return false;
    if (l.base == NOW || l.base == INSTANT)
        return resolve_instant(t, zone, l.base == NOW ? now : l.at, &l.offset);
    if (l.base == TODAY)
        zone_date(zone, now, t->day);
    else
        memcpy(t->day, l.date, CLOCK_DATE);
    if (l.offset.unit == HOURS && l.offset.amount != 0)
        return set_instant(t, zone, zone_date_start(zone, t->day) + l.offset.amount * HOUR);
    if (!move_date(t->day, &l.offset))
        return false;
    set_day(t, zone);
    return true;
}

static bool
resolve_value(struct filter_value *v, const struct zone *zone, int64_t now)
{
    bool ok = resolve(v, zone, now);

    snprintf(v->time.after, sizeof(v->time.after), "%s+", v->time.day);
    return ok;
}

bool
filter_has_times(const struct filter_tree *filter)
{
    for (const struct filter_comparison *c = filter->comparisons; c != NULL; c = c->next)
        if (filter_is_time(c->field))
            return true;
    return false;
}

bool
filter_resolve_times(struct filter_tree *filter, const struct zone *zone, int64_t now,
                     struct filter_error *error)
{
    for (struct filter_comparison *c = filter->comparisons; c != NULL; c = c->next) {
        for (struct filter_value *v = c->values; filter_is_time(c->field) && v != NULL;
             v = v->next) {
            if (v->is_null || resolve_value(v, zone, now))
                continue;
            *error = (struct filter_error){v->position, "a time in the years 0001 to 9999"};
            return false;
        }
    }
    return true;
}
