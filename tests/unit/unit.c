/*
 * Results of rows.
 */
#include "tests/unit/unit.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int wrong_rows;

void
unit_wrong(const char *format, ...)
{
    va_list args;

    wrong_rows++;
    va_start(args, format);
    fputs("wrong: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

void
unit_rows_done(void)
{
    int count = wrong_rows;

    wrong_rows = 0;
    if (count > 0)
        fail_msg("%d rows are wrong", count);
}

bool
unit_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

void
unit_await_sleep(_Atomic pid_t *tid)
{
    char path[64], line[512], *state;
    size_t len;
    FILE *file;

    for (;;) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        if (atomic_load(tid) == 0)
            continue;
        snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)atomic_load(tid));
        if ((file = fopen(path, "r")) == NULL)
            return; /* it has ended */
        len = fread(line, 1, sizeof(line) - 1, file);
        fclose(file);
        line[len] = '\0';
        if ((state = strrchr(line, ')')) != NULL && state[2] == 'S')
            return;
    }
}

uint32_t
unit_random(uint32_t below)
{
    static uint64_t state = 88172645463325252ull; /* xorshift */

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % below;
}
