/*
 * The days of a rule, one period after another.
 */
#include "common/time/rrule.h"

#include <libical/ical.h>
#include <stdio.h>

#include "common/time/civil.h"

#define YEAR_DAYS 366

/* A day, week (from the rule's first weekday), month or year. */
struct period {
    int64_t first;
    int days;
};

struct search {
    const struct rrule *rule;
    int64_t start;
    struct civil date; /* of the start */
    int64_t found[YEAR_DAYS];
    int count;
};

static int64_t
day_of(int year, int month, int day)
{
    return civil_day(&(struct civil){year, month, day});
}

/* The first day of the week of a day. */
static int64_t
week_of(const struct rrule *rule, int64_t day)
{
    return day - (civil_weekday(day) - rule->week_start + 7) % 7;
}

/* The n-th period of the rule, counted from the one of the start. */
static struct period
period_of(const struct search *s, int n)
{
    int by = n * s->rule->interval, month = s->date.month - 1 + by;
    int year = s->date.year + month / 12;

    switch (s->rule->freq) {
    case RRULE_DAILY:
        return (struct period){s->start + by, 1};
    case RRULE_WEEKLY:
        return (struct period){week_of(s->rule, s->start) + 7LL * by, 7};
    case RRULE_MONTHLY:
        month = month % 12 + 1;
        return (struct period){day_of(year, month, 1), civil_days_in_month(year, month)};
    case RRULE_YEARLY:
        break;
    }
    year = s->date.year + by;
    return (struct period){day_of(year, 1, 1), (int)(day_of(year + 1, 1, 1) - day_of(year, 1, 1))};
}

/* The number of the last period that starts on or before a day, or of the first one. */
static int
period_before(const struct search *s, int64_t day)
{
    struct civil date = civil_of(day);
    int64_t units = 0;

    switch (s->rule->freq) {
    case RRULE_DAILY:
        units = day - s->start;
        break;
    case RRULE_WEEKLY:
        units = (day - week_of(s->rule, s->start)) / 7;
        break;
    case RRULE_MONTHLY:
        units = (date.year - s->date.year) * 12 + date.month - s->date.month;
        break;
    case RRULE_YEARLY:
        units = date.year - s->date.year;
        break;
    }
    return units <= 0 ? 0 : (int)(units / s->rule->interval);
}

/* Do BYMONTH, BYMONTHDAY and the weekdays of BYDAY allow a day? */
static bool
is_allowed(const struct rrule *rule, int64_t day)
{
    struct civil date = civil_of(day);
    int last = civil_days_in_month(date.year, date.month);

    if (rule->months != 0 && (rule->months & 1u << date.month) == 0)
        return false;
    if ((rule->days | rule->from_end) != 0 && (rule->days & 1u << date.day) == 0 &&
        (rule->from_end & 1u << (last + 1 - date.day)) == 0)
        return false;
    return rule->weekdays == 0 || (rule->weekdays & 1u << civil_weekday(day)) != 0;
}

/* Is there any day in the period that the limiting parts allow? */
static bool
may_occur(const struct rrule *rule, const struct period *period)
{
    for (int i = 0; i < period->days; i++)
        if (is_allowed(rule, period->first + i))
            return true;
    return false;
}

/* --- What libical is asked ------------------------------------------------------ */

/* A rule under construction; none is longer than its parts in their longest form. */
struct query {
    char text[1024];
    size_t len;
};

static void
add(struct query *q, const char *before, int number, const char *after)
{
    int room = (int)(sizeof(q->text) - q->len);
    int n = number == 0 ? snprintf(q->text + q->len, (size_t)room, "%s%s", before, after)
                        : snprintf(q->text + q->len, (size_t)room, "%s%d%s", before, number, after);

    if (n > 0 && n < room)
        q->len += (size_t)n;
}

static void
add_bits(struct query *q, const char **before, uint32_t bits, int sign)
{
    for (int i = 1; i <= 31; i++)
        if (bits & 1u << i) {
            add(q, *before, sign * i, "");
            *before = ",";
        }
}

static void
add_months(struct query *q, const struct search *s)
{
    const struct rrule *rule = s->rule;
    bool dated = rule->days | rule->from_end;
    const char *before = ";BYMONTH=";

    if (rule->months != 0)
        add_bits(q, &before, rule->months, 1);
    else if (dated) /* every month */
        add_bits(q, &before, 0x1ffe, 1);
    else
        add(q, before, s->date.month, "");
}

static void
add_month_days(struct query *q, const struct search *s)
{
    const struct rrule *rule = s->rule;
    const char *before = ";BYMONTHDAY=";

    add_bits(q, &before, rule->days, 1);
    add_bits(q, &before, rule->from_end, -1);
    if ((rule->days | rule->from_end) == 0)
        add(q, before, s->date.day, "");
}

static const char *const weekday_names[] = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};

static void
add_by_day(struct query *q, const struct search *s)
{
    const struct rrule *rule = s->rule;

    add(q, ";BYDAY=", 0, "");
    for (int i = 0; i < rule->by_day_count; i++)
        add(q, i > 0 ? "," : "", rule->by_day[i].nth, weekday_names[rule->by_day[i].weekday]);
    if (rule->by_day_count == 0)
        add(q, "", 0, weekday_names[civil_weekday(s->start)]);
}

/*
 * The rule of one period, with only the parts that expand it, and with those that the start
 * implies.
 */
static void
write_query(struct query *q, const struct search *s, const struct period *period)
{
    static const char *const names[] = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"};
    const struct rrule *rule = s->rule;
    struct civil last = civil_of(period->first + period->days - 1);

    add(q, "FREQ=", 0, names[rule->freq]);
    q->len += (size_t)snprintf(q->text + q->len, sizeof(q->text) - q->len, ";UNTIL=%04d%02d%02d",
                               last.year, last.month, last.day);
    if (rule->freq == RRULE_WEEKLY)
        add(q, ";WKST=", 0, weekday_names[rule->week_start]);
    if (rule->freq == RRULE_YEARLY && (rule->months != 0 || rule->by_day_count == 0))
        add_months(q, s);
    if (rule->freq == RRULE_WEEKLY || (rule->freq != RRULE_DAILY && rule->by_day_count > 0))
        add_by_day(q, s);
    else if (rule->freq != RRULE_DAILY)
        add_month_days(q, s);
}

/* Fills found with the days of a period that the expanding parts name and the others allow. */
static void
expand(struct search *s, const struct period *period)
{
    struct query q = {.len = 0};
    struct civil first = civil_of(period->first);
    struct icaltimetype start = {.year = first.year,
                                 .month = first.month,
                                 .day = first.day,
                                 .is_date = 1},
                        t;
    icalrecur_iterator *iterator;

    write_query(&q, s, period);
    s->count = 0;
    iterator = icalrecur_iterator_new(icalrecurrencetype_from_string(q.text), start);
    if (iterator == NULL)
        return;
    for (t = icalrecur_iterator_next(iterator); !icaltime_is_null_time(t);
         t = icalrecur_iterator_next(iterator)) {
        int64_t day = day_of(t.year, t.month, t.day);

        if (day >= period->first + period->days || s->count == YEAR_DAYS)
            break;
        if (day >= period->first && is_allowed(s->rule, day) &&
            (s->count == 0 || day > s->found[s->count - 1])) /* BYDAY=MO,MO is Monday once */
            s->found[s->count++] = day;
    }
    icalrecur_iterator_free(iterator);
}

/* Does BYSETPOS take the n-th of the days found? */
static bool
is_taken(const struct search *s, int n)
{
    for (int i = 0; i < s->rule->set_pos_count; i++) {
        int pos = s->rule->set_pos[i];

        if (pos == n + 1 || pos == n - s->count)
            return true;
    }
    return s->rule->set_pos_count == 0;
}

void
rrule_days(const struct rrule *rule, int64_t start, int64_t from, rrule_each each, void *arg)
{
    struct search s = {.rule = rule, .start = start, .date = civil_of(start)};
    int64_t end = day_of(RRULE_LAST_YEAR + 1, 1, 1);
    int empty = 0;

    for (int n = period_before(&s, from); empty < RRULE_EMPTY_MAX; n++) {
        struct period period = period_of(&s, n);
        bool any = false;

        if (period.first >= end)
            return;
        if (!may_occur(rule, &period))
            continue;
        expand(&s, &period);
        for (int i = 0; i < s.count; i++) {
            if (!is_taken(&s, i))
                continue;
            any = true;
            if (s.found[i] >= start && s.found[i] >= from && s.found[i] < end &&
                each(arg, s.found[i]))
                return;
        }
        empty = any ? 0 : empty + 1;
    }
}
