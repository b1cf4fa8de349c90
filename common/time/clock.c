/*
 * Instants and dates, without the C library's time zones.
 */
#include "common/time/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "common/time/civil.h"

#define JUMP_MS 60000 /* a correction larger than this is made at once, even backwards */

/* By how many ms the server's time is ahead of clock_steady(), once known. */
static atomic_bool known;
static atomic_llong server_offset;
/*
 * The value that clock_now() keeps returning after a correction backwards, until time has caught
 * up.
 */
static atomic_llong least;

int64_t
clock_steady(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

struct timespec
clock_in(long ms)
{
    int64_t at = clock_steady() + (int64_t)ms * 1000;

    return (struct timespec){.tv_sec = at / 1000000, .tv_nsec = at % 1000000 * 1000};
}

void
clock_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t steady;

    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &steady);
    pthread_condattr_destroy(&steady);
}

static int64_t
host_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_now(void)
{
    int64_t now, bound;

    if (!atomic_load(&known))
        return host_now();
    now = clock_steady() / 1000 + atomic_load(&server_offset);
    bound = atomic_load(&least); /* read after the offset: clock_adjust() writes it before */
    return now > bound ? now : bound;
}

void
clock_adjust(int64_t server, int64_t before, int64_t after)
{
    /* The server truncates its time to ms, and so do we: 1 ms of tolerance on either side. */
    int64_t low = server - after / 1000 - 1, high = server + 1 - before / 1000;
    int64_t old = atomic_load(&server_offset), new = old;

    if (!atomic_load(&known))
        new = low + (high - low) / 2;
    else if (old < low)
        new = low;
    else if (old > high)
        new = high;
    if (atomic_load(&known))
        atomic_store(&least, old - new > JUMP_MS ? 0 : clock_now());
    atomic_store(&server_offset, new);
    atomic_store(&known, true);
}

/* Writes a number as `count` digits; returns the end of them. */
static char *
put(char *p, int64_t number, int count)
{
    for (int i = count - 1; i >= 0; i--, number /= 10)
        p[i] = (char)('0' + number % 10);
    return p + count;
}

/* A date from days since 1970. */
static char *
put_date(char *p, int64_t days)
{
    struct civil date = civil_of(days);

    p = put(p, date.year, 4);
    *p++ = '-';
    p = put(p, date.month, 2);
    *p++ = '-';
    return put(p, date.day, 2);
}

void
clock_write(char out[CLOCK_INSTANT], int64_t ms)
{
    int64_t days = civil_day_of_ms(ms), rest = ms - days * CIVIL_DAY_MS;
    char *p = put_date(out, days);

    *p++ = 'T';
    p = put(p, rest / 3600000, 2);
    *p++ = ':';
    p = put(p, rest / 60000 % 60, 2);
    *p++ = ':';
    p = put(p, rest / 1000 % 60, 2);
    *p++ = '.';
    p = put(p, rest % 1000, 3);
    *p++ = 'Z';
    *p = '\0';
}

/* Reads exactly count digits at p; -1 if they are not digits. */
static int
digits(const char *p, int count)
{
    int n = 0;

    while (count-- > 0) {
        if (*p < '0' || *p > '9')
            return -1;
        n = n * 10 + (*p++ - '0');
    }
    return n;
}

bool
clock_read_date(const char *text, size_t len, int64_t *ms)
{
    struct civil date;

    if (len != 10 || text[4] != '-' || text[7] != '-')
        return false;
    date = (struct civil){digits(text, 4), digits(text + 5, 2), digits(text + 8, 2)};
    if (date.year < 1 || date.month < 1 || date.month > 12 || date.day < 1 ||
        date.day > civil_days_in_month(date.year, date.month))
        return false;
    *ms = civil_day(&date) * CIVIL_DAY_MS;
    return true;
}

/* "Z" or "+hh:mm", to the end of the text; minutes east of UTC. */
static bool
read_offset(const char *p, size_t len, int *minutes)
{
    int h, m;

    if (len == 1 && (*p == 'Z' || *p == 'z')) {
        *minutes = 0;
        return true;
    }
    if (len != 6 || (*p != '+' && *p != '-') || p[3] != ':')
        return false;
    h = digits(p + 1, 2);
    m = digits(p + 4, 2);
    if (h < 0 || h > 23 || m < 0 || m > 59)
        return false;
    *minutes = (h * 60 + m) * (*p == '-' ? -1 : 1);
    return true;
}

bool
clock_read(const char *text, size_t len, int64_t *ms)
{
    int64_t day;
    int h, m, s, offset, milli = 0, scale = 100;
    size_t at = 19;

    if (len < 20 || len > 40 || !clock_read_date(text, 10, &day))
        return false;
    if ((text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':')
        return false;
    h = digits(text + 11, 2);
    m = digits(text + 14, 2);
    s = digits(text + 17, 2);
    if (h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 60)
        return false;
    if (text[at] == '.') {
        size_t first = ++at;

        for (; at < len && text[at] >= '0' && text[at] <= '9'; at++, scale /= 10)
            milli += (text[at] - '0') * scale; /* scale is 0 from the fourth digit on */
        if (at == first)
            return false;
    }
    if (!read_offset(text + at, len - at, &offset))
        return false;
    if (s == 60)
        s = 59; /* a leap second: the database does not have them */
    *ms = day + (int64_t)(h * 3600 + m * 60 + s) * 1000 + milli - (int64_t)offset * 60000;
    return *ms >= CLOCK_FIRST && *ms <= CLOCK_LAST;
}
