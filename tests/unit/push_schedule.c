/*
 * Parent and child share a page, in which the child says how far it is and why it failed.
 */
#include "tests/unit/push_schedule.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 60   /* spent on shortening */
#define SHOWN   1000 /* steps of a short schedule that are named */

static struct report {
    uint32_t at; /* the number of steps taken, including the one that failed */
    bool resting;
    char why[256];
    long counts[SCHEDULE_COUNTS];
} * report;

long *schedule_counts;

void
schedule_open(void)
{
    report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (report == MAP_FAILED)
        abort();
    schedule_counts = report->counts;
}

void
schedule_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(report->why, sizeof(report->why), format, args);
    va_end(args);
    fflush(NULL);
    _exit(1);
}

/* splitmix64: the number of a step, whatever steps are left out. */
static uint64_t
number_of(uint64_t seed, uint32_t step)
{
    uint64_t n = seed + (step + UINT64_C(1)) * UINT64_C(0x9E3779B97F4A7C15);

    n = (n ^ n >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    n = (n ^ n >> 27) * UINT64_C(0x94D049BB133111EB);
    return n ^ n >> 31;
}

static uint32_t
length(const struct schedule *s)
{
    return s->kept == NULL ? s->steps : s->kept_count;
}

static _Noreturn void
run_here(const struct schedule_calls *calls, const struct schedule *s, bool quiet)
{
    if (quiet) {
        int null = open("/dev/null", O_WRONLY);

        dup2(null, 1);
        dup2(null, 2);
    }
    for (uint32_t i = 0; i < length(s); i++) {
        report->at = i + 1;
        calls->step(number_of(s->seed, s->kept == NULL ? i : s->kept[i]));
    }
    report->resting = true;
    calls->end();
    fflush(NULL);
    _exit(0);
}

/* Runs it in a child process; true: it did not fail. */
static bool
run_child(const struct schedule_calls *calls, const struct schedule *s, bool quiet)
{
    pid_t child;
    int status;

    memset(report, 0, offsetof(struct report, counts));
    fflush(NULL);
    if ((child = fork()) == 0)
        run_here(calls, s, quiet);
    if (child < 0 || waitpid(child, &status, 0) != child)
        abort();
    if (status != 0 && report->why[0] == '\0')
        snprintf(report->why, sizeof(report->why), "it crashed (status %#x)", (unsigned)status);
    return status == 0;
}

/* What comes after the step that failed is not needed. */
static void
cut(struct schedule *s)
{
    if (!report->resting)
        s->kept_count = report->at;
}

/* A copy without `count` steps from `from` on; true: it fails too, and replaces the schedule. */
static bool
try_without(const struct schedule_calls *calls, struct schedule *s, uint32_t from, uint32_t count)
{
    struct schedule less = *s;

    less.kept = malloc(s->kept_count * sizeof(*s->kept));
    less.kept_count = s->kept_count - count;
    memcpy(less.kept, s->kept, from * sizeof(*s->kept));
    memcpy(less.kept + from, s->kept + from + count, (less.kept_count - from) * sizeof(*s->kept));
    if (run_child(calls, &less, true)) {
        free(less.kept);
        return false;
    }
    free(s->kept);
    *s = less;
    cut(s);
    return true;
}

/* Leaves out half of the steps, a quarter, ... and in the end single steps, while it still fails.
 */
static void
shorten(const struct schedule_calls *calls, struct schedule *s)
{
    time_t until = time(NULL) + SECONDS;

    if (s->kept == NULL) {
        s->kept = malloc(s->steps * sizeof(*s->kept));
        for (s->kept_count = 0; s->kept_count < s->steps; s->kept_count++)
            s->kept[s->kept_count] = s->kept_count;
    }
    cut(s);
    for (uint32_t size = s->kept_count / 2; size > 0; size /= 2) {
        for (uint32_t from = 0; from + size <= s->kept_count;) {
            if (time(NULL) > until)
                return;
            if (!try_without(calls, s, from, size))
                from += size;
        }
    }
}

bool
schedule_run(const struct schedule_calls *calls, struct schedule *s)
{
    if (run_child(calls, s, false))
        return true;
    fprintf(stderr, "seed %llu fails %s %u steps: %s\n", (unsigned long long)s->seed,
            report->resting ? "at rest after" : "after", report->at, report->why);
    shorten(calls, s);
    run_child(calls, s, false); /* says why, and shows what a sanitizer has to say */
    fprintf(stderr,
            "%u of these steps are enough (%s). To repeat it:\n  test_delivery --seed %llu ",
            s->kept_count, report->why, (unsigned long long)s->seed);
    for (uint32_t i = 0; i < s->kept_count && s->kept_count <= SHOWN; i++)
        fprintf(stderr, "%s%u", i == 0 ? "--keep " : ",", s->kept[i]);
    fprintf(stderr, "\n");
    free(s->kept);
    return false;
}

bool
schedule_keep(struct schedule *s, const char *list)
{
    s->kept = malloc((strlen(list) + 1) * sizeof(*s->kept));
    for (s->kept_count = 0;; list++) {
        char *end;

        s->kept[s->kept_count++] = (uint32_t)strtoul(list, &end, 10);
        if (end == list || (*end != ',' && *end != '\0'))
            return false;
        if (*end == '\0')
            return true;
        list = end;
    }
}
