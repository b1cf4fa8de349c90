/*
 * Takes jobs that are due, one at a time for each thread, and does them.
 */
#ifndef API_JOBS_RUNNER_H
#define API_JOBS_RUNNER_H

struct runner;

/* Works with JOBS_THREADS threads until *stopping, and finishes what was begun. */
void runner_run(const struct runner *runner);

#endif
