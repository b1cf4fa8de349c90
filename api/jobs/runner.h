/*
 * Takes jobs that are due, one at a time per thread, and runs them.
 */
#ifndef API_JOBS_RUNNER_H
#define API_JOBS_RUNNER_H

struct runner;

#define RUNNER_OTHERS 3 /* threads beside those: for emails and texts, regular work, reminders */

/* Runs JOBS_THREADS threads until *stopping, and finishes the jobs that were started. */
void runner_run(const struct runner *runner);

#endif
