/*
 * Reads the text of a recurrence rule.  Stricter than libical's parser, which takes many rules that
 * RFC 5545 forbids and changes numbers that are too large.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/text/text.h"
#include "common/time/civil.h"
#include "common/time/rrule.h"

#define STRING(x) #x
#define NUMBER(x) STRING(x)

/* A part of a rule, "NAME=VALUE"; the value is not terminated. */
struct part {
    const char *value;
    size_t len;
};

static const char *const weekday_names[] = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};

/* The index of a word in a list, ignoring case; -1. */
static int
find_word(const char *const *words, int count, const char *p, size_t len)
{
    for (int i = 0; i < count; i++)
        if (strlen(words[i]) == len && strncasecmp(words[i], p, len) == 0)
            return i;
    return -1;
}

/* A number without a sign, of at most six digits; -1. */
static int
read_digits(const char *p, size_t len)
{
    int n = 0;

    if (len == 0 || len > 6)
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        n = n * 10 + (p[i] - '0');
    }
    return n;
}

/* A number with an optional sign, but not 0; 0 if it is none. */
static int
read_signed(const char *p, size_t len)
{
    int sign = len > 0 && *p == '-' ? -1 : 1, n;

    if (len > 0 && (*p == '-' || *p == '+')) {
        p++;
        len--;
    }
    n = read_digits(p, len);
    return n <= 0 ? 0 : sign * n;
}

/* The next value of a comma-separated list; false at its end. */
static bool
next_value(struct part *rest, struct part *value)
{
    const char *comma;

    if (rest->value == NULL)
        return false;
    comma = memchr(rest->value, ',', rest->len);
    value->value = rest->value;
    value->len = comma == NULL ? rest->len : (size_t)(comma - rest->value);
    rest->len -= value->len + (comma != NULL);
    rest->value = comma == NULL ? NULL : comma + 1;
    return true;
}

static const char *
read_freq(struct rrule *rule, struct part part)
{
    static const char *const names[] = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"};
    int n = find_word(names, 4, part.value, part.len);

    rule->freq = n < 0 ? RRULE_DAILY : (enum rrule_freq)n;
    return n < 0 ? "must have a FREQ of DAILY, WEEKLY, MONTHLY or YEARLY" : NULL;
}

static const char *
read_interval(struct rrule *rule, struct part part)
{
    rule->interval = read_digits(part.value, part.len);
    return rule->interval < 1 || rule->interval > RRULE_INTERVAL_MAX
               ? "must have an INTERVAL from 1 to " NUMBER(RRULE_INTERVAL_MAX)
               : NULL;
}

static const char *
read_count(struct rrule *rule, struct part part)
{
    rule->count = read_digits(part.value, part.len);
    return rule->count < 1 || rule->count > RRULE_COUNT_MAX
               ? "must have a COUNT from 1 to " NUMBER(RRULE_COUNT_MAX)
               : NULL;
}

/* 20260131, 20260131T090000 or 20260131T090000Z */
static const char *
read_until(struct rrule *rule, struct part part)
{
    static const char wrong[] = "must have an UNTIL like 20260131 or 20260131T090000Z";
    const char *p = part.value;
    bool timed = part.len >= 15 && (p[8] == 'T' || p[8] == 't');
    struct civil date;
    int time = 0;

    if (part.len != 8 && !(timed && part.len == 15) &&
        !(timed && part.len == 16 && (p[15] == 'Z' || p[15] == 'z')))
        return wrong;
    date = (struct civil){read_digits(p, 4), read_digits(p + 4, 2), read_digits(p + 6, 2)};
    if (timed && (time = read_digits(p + 9, 6)) < 0)
        return wrong;
    if (date.year < 1 || date.month < 1 || date.month > 12 || date.day < 1 ||
        date.day > civil_days_in_month(date.year, date.month) || time / 10000 > 23 ||
        time / 100 % 100 > 59 || time % 100 > 60)
        return wrong;
    rule->end = !timed ? RRULE_UNTIL_DATE : part.len == 15 ? RRULE_UNTIL_LOCAL : RRULE_UNTIL_UTC;
    rule->until = civil_day(&date) * CIVIL_DAY_MS +
                  (time / 10000 * 3600 + time / 100 % 100 * 60 + time % 100) * 1000LL;
    return NULL;
}

static const char *
read_months(struct rrule *rule, struct part part)
{
    struct part value;

    while (next_value(&part, &value)) {
        int month = read_digits(value.value, value.len);

        if (month < 1 || month > 12)
            return "must have a BYMONTH of numbers from 1 to 12";
        rule->months |= 1u << month;
    }
    return NULL;
}

static const char *
read_month_days(struct rrule *rule, struct part part)
{
    struct part value;

    while (next_value(&part, &value)) {
        int day = read_signed(value.value, value.len);

        if (day == 0 || day < -31 || day > 31)
            return "must have a BYMONTHDAY of numbers from 1 to 31 or -31 to -1";
        if (day > 0)
            rule->days |= 1u << day;
        else
            rule->from_end |= 1u << -day;
    }
    return NULL;
}

static const char *
read_by_day(struct rrule *rule, struct part part)
{
    static const char wrong[] = "must have a BYDAY of weekdays like MO, 1MO or -1MO";
    struct part value;

    while (next_value(&part, &value)) {
        int n = rule->by_day_count, weekday, nth = 0;

        if (n == RRULE_LIST_MAX)
            return "must have at most " NUMBER(RRULE_LIST_MAX) " values in BYDAY";
        if (value.len < 2)
            return wrong;
        weekday = find_word(weekday_names, 7, value.value + value.len - 2, 2);
        if (value.len > 2)
            nth = read_signed(value.value, value.len - 2);
        if (weekday < 0 || (value.len > 2 && nth == 0) || nth < -53 || nth > 53)
            return wrong;
        rule->by_day[n].nth = nth;
        rule->by_day[n].weekday = weekday;
        rule->by_day_count++;
        rule->weekdays |= 1u << weekday;
    }
    return NULL;
}

static const char *
read_set_pos(struct rrule *rule, struct part part)
{
    struct part value;

    while (next_value(&part, &value)) {
        int pos = read_signed(value.value, value.len);

        if (rule->set_pos_count == RRULE_LIST_MAX)
            return "must have at most " NUMBER(RRULE_LIST_MAX) " values in BYSETPOS";
        if (pos == 0 || pos < -366 || pos > 366)
            return "must have a BYSETPOS of numbers from 1 to 366 or -366 to -1";
        rule->set_pos[rule->set_pos_count++] = pos;
    }
    return NULL;
}

static const char *
read_week_start(struct rrule *rule, struct part part)
{
    rule->week_start = find_word(weekday_names, 7, part.value, part.len);
    return rule->week_start < 0 ? "must have a WKST like MO" : NULL;
}

/* clang-format off */
static const struct {
    const char *name;
    const char *(*read)(struct rrule *rule, struct part part);
} parts[] = {
    {"FREQ",       read_freq},
    {"INTERVAL",   read_interval},
    {"COUNT",      read_count},
    {"UNTIL",      read_until},
    {"BYMONTH",    read_months},
    {"BYMONTHDAY", read_month_days},
    {"BYDAY",      read_by_day},
    {"BYSETPOS",   read_set_pos},
    {"WKST",       read_week_start},
};
/* clang-format on */
#define PARTS (sizeof(parts) / sizeof(parts[0]))

/* Reads one part; seen has a bit for each name that was read before. */
static const char *
read_part(struct rrule *rule, const char *p, size_t len, unsigned *seen)
{
    const char *equals = memchr(p, '=', len);
    size_t name = equals == NULL ? len : (size_t)(equals - p);

    for (size_t i = 0; i < PARTS; i++) {
        if (strlen(parts[i].name) != name || strncasecmp(parts[i].name, p, name) != 0)
            continue;
        if (*seen & 1u << i)
            return "must not give a part twice";
        *seen |= 1u << i;
        if (equals == NULL)
            break;
        return parts[i].read(rule, (struct part){equals + 1, len - name - 1});
    }
    return "must be parts like FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR of the names FREQ, INTERVAL, "
           "COUNT, UNTIL, BYMONTH, BYMONTHDAY, BYDAY, BYSETPOS and WKST";
}

/* Can BYMONTHDAY be met at all, in the months of BYMONTH? */
static bool
has_days(const struct rrule *rule)
{
    for (int month = 1; month <= 12; month++) {
        uint32_t exist = (uint32_t)((1ull << (civil_days_in_month(2000, month) + 1)) - 2);

        if ((rule->months == 0 || rule->months & 1u << month) &&
            ((rule->days & exist) || (rule->from_end & exist)))
            return true;
    }
    return rule->days == 0 && rule->from_end == 0;
}

/* What RFC 5545 forbids between parts. */
static const char *
check_parts(const struct rrule *rule, bool has_freq)
{
    int most = rule->freq == RRULE_MONTHLY || rule->months != 0 ? 5 : 53;
    bool monthly = rule->freq == RRULE_MONTHLY || rule->freq == RRULE_YEARLY;

    if (!has_freq)
        return read_freq(&(struct rrule){.freq = 0}, (struct part){"", 0});
    if (rule->count > 0 && rule->end != RRULE_ENDLESS)
        return "must not have both COUNT and UNTIL";
    if (rule->freq == RRULE_WEEKLY && (rule->days || rule->from_end))
        return "must not have BYMONTHDAY with FREQ=WEEKLY";
    if (rule->set_pos_count > 0 && !rule->months && !rule->days && !rule->from_end &&
        rule->by_day_count == 0)
        return "must have BYDAY, BYMONTH or BYMONTHDAY with BYSETPOS";
    for (int i = 0; i < rule->by_day_count; i++) {
        if (rule->by_day[i].nth != 0 && !monthly)
            return "must have a number in BYDAY only with FREQ=MONTHLY or YEARLY";
        if (abs(rule->by_day[i].nth) > most)
            return "must not have a number in BYDAY that is larger than a month has weeks";
    }
    return has_days(rule) ? NULL : "must be a rule that occurs; no such day exists";
}

const char *
rrule_read(const char *text, struct rrule *out)
{
    unsigned seen = 0;
    const char *wrong = NULL, *p = text;

    *out = (struct rrule){.interval = 1, .week_start = 1};
    for (bool more = true; more && wrong == NULL;) {
        size_t len = strcspn(p, ";");

        wrong = read_part(out, p, len, &seen);
        more = p[len] == ';';
        p += len + more;
    }
    return wrong != NULL ? wrong : check_parts(out, seen & 1u);
}

void
rrule_write_count(struct text *out, const char *rule, int count)
{
    for (const char *p = rule; *p != '\0';) {
        size_t len = strcspn(p, ";");

        if (strncasecmp(p, "COUNT=", 6) == 0)
            text_printf(out, "%.*s%d", 6, p, count);
        else
            text_add(out, p, len);
        p += len;
        if (*p == ';')
            text_putc(out, *p++);
    }
}
