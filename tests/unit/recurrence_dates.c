/*
 * For test_recurrence.py: reads lines of tab-separated fields (zone, start, after, how many, rule)
 * and prints the dates of that series after `after`, or why the rule is refused.  Start and after
 * are dates or instants.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/time/civil.h"
#include "common/time/recurrence.h"
#include "common/time/zone.h"

static bool
read_due(const struct zone *zone, const char *text, struct due *out)
{
    int64_t at;

    if (strlen(text) == CLOCK_DATE - 1)
        return recurrence_date(text, out);
    return clock_read(text, strlen(text), &at) && recurrence_instant(zone, at, out);
}

static bool
print(void *arg, const struct due *date)
{
    char text[CLOCK_INSTANT];

    clock_write(text, date->timed ? date->at : date->day * CIVIL_DAY_MS);
    printf("%s%.*s", (const char *)arg, date->timed ? CLOCK_INSTANT : CLOCK_DATE - 1, text);
    ((char *)arg)[0] = ' ';
    return false;
}

static void
answer(char *line)
{
    char *rest = line, *zone = strsep(&rest, "\t"), *start = strsep(&rest, "\t"),
         *after = strsep(&rest, "\t"), *most = strsep(&rest, "\t");
    struct series series = {.zone = zone_find(zone)};
    char gap[] = "\0";
    struct due limit;
    const char *wrong;

    if (rest == NULL || series.zone == NULL || !read_due(series.zone, start, &series.start) ||
        !read_due(series.zone, after, &limit)) {
        puts("what?");
        return;
    }
    wrong = rrule_read(rest, &series.rule);
    if (wrong != NULL)
        printf("! %s", wrong);
    else
        recurrence_dates(&series, &limit, atoi(most), print, gap);
    putchar('\n');
}

int
main(void)
{
    char line[2048];

    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        answer(line);
    }
    return 0;
}
