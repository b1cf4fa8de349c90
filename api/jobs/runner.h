/*
 * Takes jobs that are due, one at a time for each thread, and does them.
 */
#ifndef API_JOBS_RUNNER_H
#define API_JOBS_RUNNER_H

#include <signal.h>

struct config;
struct mail;
struct store_note;
struct store_pool;
struct bus;

struct runner {
    const struct config *config;
    struct store_pool *pool;
    struct bus *bus;
    const char *epoch;
    const struct mail *mail;
    struct store_note *notes; /* a place for each thread's session */
    const volatile sig_atomic_t *stopping;
};

/* Works with JOBS_THREADS threads until *stopping, and finishes what was begun. */
void runner_run(const struct runner *runner);

#endif
