/*
 * Recurrence rules, preceded by a byte that chooses the zone and the start: whatever is accepted
 * has its dates in order and in bounded time (libFuzzer's -timeout), and keeps them with another
 * COUNT.
 */
#include <string.h>

#include "common/text/text.h"
#include "common/time/civil.h"
#include "common/time/recurrence.h"
#include "common/time/zone.h"
#include "tests/fuzz/fuzz.h"

#define DATES 20

struct dates {
    struct due last;
    int count;
};

static bool
check_date(void *arg, const struct due *date)
{
    struct dates *d = arg;
    int year = civil_of(date->day).year;

    must(date->timed ? date->at > d->last.at : date->day > d->last.day);
    must(year >= RRULE_FIRST_YEAR && year <= RRULE_LAST_YEAR + 1);
    d->last = *date;
    d->count++;
    return false;
}

static int
count_dates(const struct series *s)
{
    struct dates d = {.last = s->start};

    recurrence_dates(s, &s->start, DATES, check_date, &d);
    must(d.count <= DATES);
    return d.count;
}

static void
check_rule(const char *text, unsigned char choice)
{
    static const char *const zones[] = {"UTC", "Europe/Berlin", "America/Santiago", "Pacific/Apia"};
    struct series s = {.zone = zone_or_utc(zones[choice % 4])}, other;
    struct text counted = {0};
    struct due next;
    int passed;

    if (rrule_read(text, &s.rule) != NULL)
        return;
    other = s;
    if (choice & 4)
        must(recurrence_instant(s.zone, 1893456000000LL + choice * 3600000LL, &s.start));
    else
        must(recurrence_date("2028-02-29", &s.start));
    other.start = s.start;
    rrule_write_count(&counted, text, 7);
    must(rrule_read(counted.bytes, &other.rule) == NULL);
    text_free(&counted);
    must(other.rule.count == (s.rule.count == 0 ? 0 : 7));
    must(count_dates(&s) == count_dates(&other)); /* COUNT does not end the dates */
    if (recurrence_next(&s, &s.start, &s.start, &next, &passed))
        must(passed == 1);
    (void)recurrence_occurs(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[RRULE_TEXT_MAX + 1];
    size_t len = size == 0 ? 0 : size - 1;

    if (len > RRULE_TEXT_MAX || memchr(data, '\0', size) != NULL)
        return 0;
    if (len > 0)
        memcpy(text, data + 1, len);
    text[len] = '\0';
    check_rule(text, size == 0 ? 0 : data[0]);
    return 0;
}
