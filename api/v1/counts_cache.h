/*
 * What /v1/counts has counted before.  Every change of a task has a number, that of its project's
 * topic, so nothing needs to be read again while the topics have the same numbers.
 */
#ifndef API_V1_COUNTS_CACHE_H
#define API_V1_COUNTS_CACHE_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

/* The tasks of a project. */
struct project_counts {
    int64_t open, done;
};

/* false: not known for this number of the project's topic. */
bool counts_cache_project(const bson_oid_t *project, int64_t seq, struct project_counts *out);

/* What was counted after the topic's number had been read. */
void counts_cache_put_project(const bson_oid_t *project, int64_t seq,
                              const struct project_counts *counts);

/* When a user's open tasks are due: ms of an instant, or of a date's midnight in UTC. */
struct counts_due {
    int64_t at;
    bool date;
};

#define COUNTS_DUE_MAX 2048 /* of one user; more are read each time */

/*
 * The due times of a user's tasks, for a version: a hash of the numbers of all topics that they
 * depend on, and of the range that was read.  -1: not known; otherwise how many.
 */
int counts_cache_due(const bson_oid_t *user, uint64_t version,
                     struct counts_due out[COUNTS_DUE_MAX]);

/* What was read after the numbers had been read.  Nothing is kept of more than COUNTS_DUE_MAX. */
void counts_cache_put_due(const bson_oid_t *user, uint64_t version, const struct counts_due *due,
                          uint32_t count);

#endif
