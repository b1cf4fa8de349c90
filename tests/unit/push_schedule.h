/*
 * Random schedules of a simulation.  Each step depends on a number of its own and on what earlier
 * steps did, so a schedule is a seed, and still means something when steps are left out: one that
 * fails is shortened until every step left in it is needed.  Each try runs in a child process,
 * which starts in the same state and may crash.
 */
#ifndef TESTS_UNIT_PUSH_SCHEDULE_H
#define TESTS_UNIT_PUSH_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_COUNTS 8

struct schedule_calls {
    void (*step)(uint64_t number); /* one step, and the checks after it */
    void (*end)(void);             /* after the last one: everything must come to rest */
};

struct schedule {
    uint64_t seed;
    uint32_t steps;
    uint32_t *kept; /* the steps to be taken, in order; NULL: all */
    uint32_t kept_count;
};

/* What happened, counted by the simulation and added up over all schedules that were run. */
extern long *schedule_counts;

/* Before anything else here. */
void schedule_open(void);

/*
 * Runs a schedule.  If it fails, prints why, the seed, the steps that are enough to make it fail,
 * and how to repeat it; false.
 */
bool schedule_run(const struct schedule_calls *calls, struct schedule *schedule);

/* Reads numbers separated by commas into `kept`, which the caller frees; false: malformed. */
bool schedule_keep(struct schedule *schedule, const char *list);

/* Called by the simulation: it has failed, for that reason.  Ends the child process. */
_Noreturn void schedule_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same if a condition does not hold. */
#define schedule_check(condition)                                                                  \
    do {                                                                                           \
        if (!(condition))                                                                          \
            schedule_fail("%s:%d: %s", __FILE__, __LINE__, #condition);                            \
    } while (0)

#endif
