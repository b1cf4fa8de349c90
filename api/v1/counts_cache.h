/*
 * How many open and done tasks a project had when its topic had a certain number: every change of
 * them has a number, so they need to be counted again only when the topic has another one.
 */
#ifndef API_V1_PROJECT_COUNTS_H
#define API_V1_PROJECT_COUNTS_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

struct project_counts {
    int64_t open, done;
};

/* false: not known for this number of the project's topic. */
bool project_counts_get(const bson_oid_t *project, int64_t seq, struct project_counts *out);

/* What was counted after the topic's number had been read. */
void project_counts_put(const bson_oid_t *project, int64_t seq,
                        const struct project_counts *counts);

#endif
