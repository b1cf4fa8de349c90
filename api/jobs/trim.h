/*
 * The log's retention.
 */
#ifndef API_JOBS_TRIM_H
#define API_JOBS_TRIM_H

struct runner;
struct store;

/*
 * If it is due, and no other program is doing it: removes events older than EVENT_RETENTION_DAYS
 * from the log.  In each topic everything up to a number is removed, so that the rest has no gap
 * whatever the clocks of its writers; that number is `trimmed` in the topic's document.
 */
void trim_if_due(const struct runner *runner, struct store *store);

#endif
