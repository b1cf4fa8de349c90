/*
 * Weeks stand alone; otherwise the units come in their order, each at most once.
 */
#include "common/time/duration.h"

#include <string.h>

#define DIGITS 9

/* A number and the letter after it; false: there is none. */
static bool
read_part(const char **p, int64_t *value, char *unit)
{
    int digits = 0;

    for (*value = 0; **p >= '0' && **p <= '9'; (*p)++) {
        if (++digits > DIGITS)
            return false;
        *value = *value * 10 + (**p - '0');
    }
    if (digits == 0 || **p == '\0')
        return false;
    *unit = *(*p)++;
    return true;
}

/* [nH][nM][nS], at least one of them. */
static bool
read_time(const char *p, int64_t *ms)
{
    static const char units[] = "HMS";
    static const int64_t lengths[] = {3600000, 60000, 1000};
    const char *next = units;

    do {
        const char *found;
        int64_t value;
        char unit;

        if (!read_part(&p, &value, &unit) || (found = strchr(next, unit)) == NULL)
            return false;
        *ms += value * lengths[found - units];
        next = found + 1;
    } while (*p != '\0');
    return true;
}

bool
duration_read(const char *text, struct duration *out)
{
    int64_t value;
    char unit;

    *out = (struct duration){0, 0};
    if (*text++ != 'P')
        return false;
    if (*text != 'T') {
        if (!read_part(&text, &value, &unit) || (unit != 'D' && unit != 'W'))
            return false;
        out->days = unit == 'W' ? 7 * value : value;
        if (*text == '\0')
            return true;
        if (unit == 'W')
            return false;
    }
    return *text == 'T' && read_time(text + 1, &out->ms);
}
