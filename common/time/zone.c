/*
 * A zone is a list of instants at which its offset changed and, for the time
 * after them, the POSIX rule at the end of the file ("CET-1CEST,M3.5.0,M10.5.0/3").
 */
#include "common/time/zone.h"

#include <ctype.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"
#include "common/text/text.h"

#define FOLDER   "/usr/share/zoneinfo/"
#define FILE_MAX (256 * 1024) /* bytes; the largest file of tzdata has under 4 KiB */
#define HEADER   44           /* bytes (RFC 8536, 3.1) */
#define DAY      86400
#define MARGIN   (26 * 3600) /* seconds: more than any offset from UTC (-24:59 to +25:59) */

/* When a rule changes the offset, within a year (RFC 8536, 3.3.1). */
struct rule {
    char kind; /* 'M': month, week, day; 'J': day 1 to 365 without leap days; 'n': day 0 to 365 */
    int month, week, day;
    int time; /* seconds from local midnight, possibly negative or beyond the day */
};

struct zone {
    struct zone *next;
    char name[ZONE_NAME_MAX + 1];
    int count;            /* of changes */
    int64_t *at;          /* the instants of the changes, seconds, ascending */
    int32_t *offset;      /* the offset from at[i] on */
    int32_t first;        /* the offset before the first change */
    int standard, summer; /* offsets of the rule; equal if the offset no longer changes */
    struct rule to_summer, to_standard;
};

static struct {
    pthread_mutex_t lock;
    struct zone *first;
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const struct zone utc = {.name = "UTC"};

static int64_t
big_endian(const unsigned char *p, int bytes)
{
    uint64_t value = p[0] >= 0x80 ? UINT64_MAX : 0;

    while (bytes-- > 0)
        value = value << 8 | *p++;
    return (int64_t)value;
}

/* Floor division, also of negative numbers. */
static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* --- The rule at the end of a file ------------------------------------- */

static bool
read_number(const char **p, int *out)
{
    int value = 0, digits = 0;

    for (; isdigit((unsigned char)**p) && digits < 4; (*p)++, digits++)
        value = value * 10 + (**p - '0');
    *out = value;
    return digits > 0;
}

/* [+-]h[h[h]][:mm[:ss]] in seconds */
static bool
read_time(const char **p, int *out)
{
    int sign = **p == '-' ? -1 : 1, part;

    if (**p == '-' || **p == '+')
        (*p)++;
    if (!read_number(p, out))
        return false;
    *out *= 3600;
    for (int unit = 60; unit > 0 && **p == ':'; unit /= 60) {
        (*p)++;
        if (!read_number(p, &part))
            return false;
        *out += part * unit;
    }
    *out *= sign;
    return true;
}

/* "CET" or "<+0330>" */
static bool
skip_name(const char **p)
{
    const char *first = *p;

    if (**p == '<') {
        *p += strcspn(*p, ">");
        return *(*p)++ == '>';
    }
    while (isalpha((unsigned char)**p))
        (*p)++;
    return *p > first;
}

/* ",M3.5.0/2", ",J60" or ",59" */
static bool
read_rule(const char **p, struct rule *rule)
{
    *rule = (struct rule){.kind = 'n', .time = 2 * 3600};
    if (*(*p)++ != ',')
        return false;
    if (**p == 'M') {
        rule->kind = *(*p)++;
        if (!read_number(p, &rule->month) || *(*p)++ != '.' || !read_number(p, &rule->week) ||
            *(*p)++ != '.')
            return false;
    } else if (**p == 'J') {
        rule->kind = *(*p)++;
    }
    if (!read_number(p, &rule->day))
        return false;
    if (**p != '/')
        return true;
    (*p)++;
    return read_time(p, &rule->time);
}

static bool
read_footer(struct zone *z, const char *p)
{
    int west;

    if (!skip_name(&p) || !read_time(&p, &west))
        return false;
    z->standard = z->summer = -west;
    if (*p == '\0')
        return true;
    z->summer = z->standard + 3600;
    if (!skip_name(&p))
        return false;
    if (*p != ',') {
        if (!read_time(&p, &west))
            return false;
        z->summer = -west;
    }
    return read_rule(&p, &z->to_summer) && read_rule(&p, &z->to_standard) && *p == '\0';
}

/* --- Reading a file ------------------------------------------------------ */

/* The six counts of a header: isutc, isstd, leap, time, type and char. */
struct counts {
    size_t isutc, isstd, leap, time, type, chars;
};

static bool
read_header(const unsigned char *p, size_t left, struct counts *n)
{
    size_t *const fields[] = {&n->isutc, &n->isstd, &n->leap, &n->time, &n->type, &n->chars};

    if (left < HEADER || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
        return false;
    for (int i = 0; i < 6; i++) {
        *fields[i] = (size_t)big_endian(p + 20 + 4 * i, 4);
        if (*fields[i] > FILE_MAX)
            return false;
    }
    return n->type > 0;
}

/* How long the block after a header is, with times of `size` bytes. */
static size_t
block_length(const struct counts *n, size_t size)
{
    return n->time * (size + 1) + n->type * 6 + n->chars + n->leap * (size + 4) + n->isstd +
           n->isutc;
}

static bool
read_changes(struct zone *z, const struct counts *n, const unsigned char *p)
{
    const unsigned char *index = p + n->time * 8, *types = index + n->time;

    z->count = (int)n->time;
    z->at = must_alloc(n->time, sizeof(*z->at));
    z->offset = must_alloc(n->time, sizeof(*z->offset));
    z->first = (int32_t)big_endian(types, 4);
    for (size_t i = 0; i < n->time; i++) {
        if (index[i] >= n->type)
            return false;
        z->at[i] = big_endian(p + i * 8, 8);
        z->offset[i] = (int32_t)big_endian(types + 6 * index[i], 4);
        if (i > 0 && z->at[i] <= z->at[i - 1])
            return false;
    }
    return true;
}

/* Skips the block of 32-bit times, reads that of 64-bit times and the footer. */
static bool
parse(struct zone *z, const unsigned char *bytes, size_t len)
{
    struct counts n;
    size_t skip, body;
    const char *footer;
    char rule[128];

    if (!read_header(bytes, len, &n))
        return false;
    skip = HEADER + block_length(&n, 4);
    if (skip > len || !read_header(bytes + skip, len - skip, &n) || n.leap > 0)
        return false;
    body = skip + HEADER;
    if (block_length(&n, 8) > len - body || !read_changes(z, &n, bytes + body))
        return false;
    body += block_length(&n, 8);
    footer = (const char *)bytes + body;
    len -= body;
    if (len < 2 || len > sizeof(rule) || footer[0] != '\n' || footer[len - 1] != '\n')
        return false;
    memcpy(rule, footer + 1, len - 2);
    rule[len - 2] = '\0';
    return read_footer(z, rule);
}

static struct zone *
load(const char *name)
{
    static unsigned char bytes[FILE_MAX]; /* under the lock */
    char path[sizeof(FOLDER) + ZONE_NAME_MAX];
    struct zone *z;
    FILE *file;
    size_t len;

    snprintf(path, sizeof(path), FOLDER "%s", name);
    if ((file = fopen(path, "rbe")) == NULL)
        return NULL;
    len = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    z = must_alloc(1, sizeof(*z));
    strcpy(z->name, name);
    if (parse(z, bytes, len))
        return z;
    free(z->at);
    free(z->offset);
    free(z);
    return NULL;
}

/* A path within the folder of zones, accepted in one spelling only. */
static bool
is_name(const char *name)
{
    size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/");

    return len > 0 && len <= ZONE_NAME_MAX && name[len] == '\0' && name[0] != '/' &&
           name[len - 1] != '/' && strstr(name, "//") == NULL && strncmp(name, "posix/", 6) != 0 &&
           strncmp(name, "right/", 6) != 0 && strcmp(name, "posixrules") != 0 &&
           strcmp(name, "localtime") != 0;
}

const struct zone *
zone_find(const char *name)
{
    struct zone *z;

    if (strcmp(name, "UTC") == 0)
        return &utc; /* also where there is no tzdata */
    if (!is_name(name))
        return NULL;
    pthread_mutex_lock(&known.lock);
    for (z = known.first; z != NULL && strcmp(z->name, name) != 0;)
        z = z->next;
    if (z == NULL && (z = load(name)) != NULL) {
        z->next = known.first;
        known.first = z;
    }
    pthread_mutex_unlock(&known.lock);
    return z;
}

const struct zone *
zone_or_utc(const char *name)
{
    const struct zone *z = name == NULL ? NULL : zone_find(name);

    return z == NULL ? &utc : z;
}

const char *
zone_name(const struct zone *zone)
{
    return zone->name;
}

/* --- Offsets --------------------------------------------------------------- */

/* Days from 1970 to a year's first day. */
static int64_t
year_start(int64_t year)
{
    int64_t y = year - 1;

    return 365 * (year - 1970) + floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400) - 477;
}

static bool
is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The day, since 1970, on which a rule falls in a year. */
static int64_t
rule_day(const struct rule *rule, int64_t year)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    int64_t start = year_start(year), first, day;
    bool leap = is_leap(year);
    int month = rule->month;

    if (rule->kind == 'J')
        return start + rule->day - 1 + (leap && rule->day > 59);
    if (rule->kind == 'n' || month < 1 || month > 12)
        return start + rule->day;
    first = start + before[month - 1] + (leap && month > 2);
    /* 1970-01-01 was a Thursday. */
    day = first + (rule->day - (first + 4) % 7 + 7) % 7 + 7 * (int64_t)(rule->week - 1);
    while (day >= start + before[month] + (leap && month > 1))
        day -= 7; /* week 5 is the last of the month */
    return day;
}

/* The rule's offset at t, and when it ends. */
static int
rule_offset(const struct zone *z, int64_t t, int64_t *until)
{
    int64_t year = 1970 + floor_div(t, 31556952); /* by the mean year: at most one year wrong */
    int offset = z->standard;
    int64_t last = INT64_MIN;

    *until = INT64_MAX;
    if (z->standard == z->summer)
        return offset;
    for (int64_t y = year - 2; y <= year + 2; y++) {
        int64_t up = rule_day(&z->to_summer, y) * DAY + z->to_summer.time - z->standard;
        int64_t down = rule_day(&z->to_standard, y) * DAY + z->to_standard.time - z->summer;

        if (up <= t && up >= last) {
            last = up;
            offset = z->summer;
        }
        if (down <= t && down >= last) {
            last = down;
            offset = z->standard;
        }
        if (up > t && up < *until)
            *until = up;
        if (down > t && down < *until)
            *until = down;
    }
    return offset;
}

/* The offset at t (seconds), and the instant at which the next one begins. */
static int
offset_at(const struct zone *z, int64_t t, int64_t *until)
{
    int low = 0, high = z->count; /* the first change after t */

    while (low < high) {
        int middle = (low + high) / 2;

        if (z->at[middle] <= t)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == z->count)
        return rule_offset(z, t, until);
    *until = z->at[low];
    return low == 0 ? z->first : z->offset[low - 1];
}

int
zone_offset(const struct zone *z, int64_t ms)
{
    int64_t until;

    return offset_at(z, floor_div(ms, 1000), &until);
}

int64_t
zone_instant(const struct zone *z, int64_t shown)
{
    int64_t seconds = floor_div(shown, 1000), t = seconds - MARGIN, until;
    int before = offset_at(z, t, &until), offset = before;

    while (seconds - offset >= until) {
        t = until;
        before = offset;
        offset = offset_at(z, t, &until);
    }
    return shown - (seconds - offset < t ? before : offset) * 1000LL;
}

/* --- Days -------------------------------------------------------------------- */

/* The first instant (seconds) at which clocks there show a day, or a later one. */
static int64_t
day_start(const struct zone *z, int64_t day)
{
    int64_t t = day * DAY - MARGIN;

    for (;;) {
        int64_t until, start = day * DAY - offset_at(z, t, &until);

        if (start < until)
            return start > t ? start : t;
        t = until;
    }
}

void
zone_date(const struct zone *z, int64_t ms, char out[CLOCK_DATE])
{
    int64_t day = floor_div(floor_div(ms, 1000) + zone_offset(z, ms), DAY);
    char text[CLOCK_INSTANT];

    if (day_start(z, day + 1) * 1000 <= ms) /* clocks went back past its midnight */
        day++;
    ms = day * DAY * 1000;
    clock_write(text, ms < CLOCK_FIRST ? CLOCK_FIRST : ms > CLOCK_LAST ? CLOCK_LAST : ms);
    memcpy(out, text, CLOCK_DATE - 1);
    out[CLOCK_DATE - 1] = '\0';
}

int64_t
zone_date_start(const struct zone *z, const char *date)
{
    int64_t ms = 0;

    return clock_read_date(date, strlen(date), &ms) ? day_start(z, ms / 1000 / DAY) * 1000 : 0;
}

int64_t
zone_date_end(const struct zone *z, const char *date)
{
    int64_t ms = 0;

    return clock_read_date(date, strlen(date), &ms) ? day_start(z, ms / 1000 / DAY + 1) * 1000 : 0;
}
