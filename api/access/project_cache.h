/*
 * Projects as this process last read them within a change.  Whether one still
 * holds, the topic's head tells (change_unchanged()): then a change need not
 * read the project again to know the caller's rights exactly.
 */
#ifndef API_ACCESS_PROJECT_CACHE_H
#define API_ACCESS_PROJECT_CACHE_H

#include <bson/bson.h>
#include <stdint.h>

#define PROJECT_READS 2 /* projects that one change reads: a task may move between two */

/*
 * What a change has read, until it is known to be committed: a transaction that is
 * undone may have seen what a failover takes back.  All zero: nothing.
 */
struct project_reads {
    struct {
        bson_oid_t id;
        int64_t at;
        const bson_t *project;
    } items[PROJECT_READS];
    int count;
};

/* A copy, the caller's, of what was read at the number not_before or after; NULL: none. */
bson_t *project_cache_get(const bson_oid_t *id, int64_t not_before);

/* It was so at this number of its topic; project must live until the change is over. */
void project_cache_note(struct project_reads *reads, const bson_oid_t *id, int64_t at,
                        const bson_t *project);

/* The change is committed: what it has read is kept from now on. */
void project_cache_keep(struct project_reads *reads);

#endif
