/*
 * The log's retention.
 */
#ifndef API_JOBS_TRIM_H
#define API_JOBS_TRIM_H

struct runner;
struct store;

/*
 * If it is time, and no other program does it: takes from the log what is older than
 * EVENT_RETENTION_DAYS.  Of each topic everything up to a number goes, so that the rest has no
 * hole whatever the clocks of those who wrote it; that number is `trimmed` in the topic's document.
 */
void trim_if_due(const struct runner *runner, struct store *store);

#endif
