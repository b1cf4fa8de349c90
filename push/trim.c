/*
 * The amount of free memory does not show what could be given back, as most of it may have been
 * before; so the growth of resident memory decides too.
 */
#include "push/trim.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BYTES   2097152 /* of growth, and free */
#define SECONDS 3       /* between two checks */

/* Resident bytes; 0: unknown. */
static int64_t
resident(void)
{
    static int fd = -1;
    char line[128], *second;
    ssize_t len;

    if (fd < 0)
        fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    len = fd < 0 ? -1 : pread(fd, line, sizeof(line) - 1, 0);
    if (len <= 0)
        return 0;
    line[len] = '\0';
    second = strchr(line, ' ');
    return second == NULL ? 0 : strtoll(second, NULL, 10) * sysconf(_SC_PAGESIZE);
}

void
trim_open(void)
{
    mallopt(M_ARENA_MAX, 1);
}

void
trim_tick(void)
{
    static int ticks;
    static int64_t known; /* resident after the last time, or less */
    int64_t now;

    if (++ticks % SECONDS != 0)
        return;
    now = resident();
    if (now > known + BYTES && mallinfo2().fordblks > BYTES) {
        malloc_trim(0);
        now = resident();
        known = now;
    }
    if (now < known)
        known = now;
}
