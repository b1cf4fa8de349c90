/*
 * The C library knows one zone at a time, for the whole process; nothing else
 * here uses local time, so it is set under a lock.
 */
#include "common/zone.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char current[80];

static void
use(const char *zone)
{
    char name[80];

    snprintf(name, sizeof(name), ":%s", zone == NULL ? "UTC" : zone);
    if (strcmp(name, current) == 0)
        return;
    strcpy(current, name);
    setenv("TZ", current, 1);
    tzset();
}

void
zone_day(const char *zone, int64_t now, int64_t *from, int64_t *to)
{
    time_t t = (time_t)(now / 1000);
    struct tm tm;

    pthread_mutex_lock(&lock);
    use(zone);
    localtime_r(&t, &tm);
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    tm.tm_isdst = -1;
    *from = (int64_t)mktime(&tm) * 1000;
    tm.tm_mday++;
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    tm.tm_isdst = -1;
    *to = (int64_t)mktime(&tm) * 1000;
    pthread_mutex_unlock(&lock);
}
