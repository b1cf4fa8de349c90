/*
 * Projects as this process last read them within a change. change_unchanged() shows whether a copy
 * is still current: then a change need not read the project again to know the caller's exact
 * rights.
 */
#ifndef API_ACCESS_PROJECT_CACHE_H
#define API_ACCESS_PROJECT_CACHE_H

#include <bson/bson.h>
#include <stdint.h>

#define PROJECT_READS 2 /* projects that one change reads: a task may move between two */

/*
 * What a change has read, until it is known to be committed: a transaction that is aborted may have
 * read data that a failover rolls back.  All zero: nothing.
 */
struct project_reads {
    struct {
        bson_oid_t id;
        int64_t at;
        const bson_t *project;
    } items[PROJECT_READS];
    int count;
};

/*
 * A copy, which the caller destroys, of the project as read at the number not_before or later;
 * NULL: none.
 */
bson_t *project_cache_get(const bson_oid_t *id, int64_t not_before);

/*
 * Notes the project as it was at this number of its topic; project must live until the change ends.
 */
void project_cache_note(struct project_reads *reads, const bson_oid_t *id, int64_t at,
                        const bson_t *project);

/* To be called when the change is committed: keeps what it has read. */
void project_cache_keep(struct project_reads *reads);

#endif
