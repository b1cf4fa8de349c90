/*
 * The tasks of a project that is duplicated: which they are is found out once, then they are copied
 * in one or more parts.  The id of a copy follows from the new project's and the task's, so a part
 * knows the copies of other parts.
 */
#ifndef API_V1_PROJECTS_PROJECT_COPY_H
#define API_V1_PROJECTS_PROJECT_COPY_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct arena;
struct change;
struct request;

#define PROJECT_COPY_TASKS 50000 /* tasks of a project that can be duplicated with them */
#define PROJECT_COPY_PART  100   /* tasks that a job copies in one transaction */

struct project_copy_task {
    bson_oid_t id;
    uint32_t place; /* its index in the order of positions */
};

struct project_copy {
    bson_oid_t source, target;       /* the projects */
    struct project_copy_task *tasks; /* parents first, otherwise by number */
    bson_oid_t *ids;                 /* theirs, sorted */
    uint32_t count;
    int64_t bytes, file_bytes; /* of the tasks, and of their files; not stored */
};

/*
 * Finds the tasks of the source that are not in the trash; the request owns them.  ERR_TOO_MUCH if
 * there are more than PROJECT_COPY_TASKS.
 */
enum err project_copy_find(struct request *r, const bson_oid_t *source,
                           struct project_copy *out) MUST_CHECK;

/* Appends both projects and the tasks to the content of a job, and reads them from it
 * (ERR_INVALID).
 */
void project_copy_write(const struct project_copy *copy, bson_t *content);
enum err project_copy_read(struct arena *arena, const bson_t *content,
                           struct project_copy *out) MUST_CHECK;

struct project_copy_part {
    uint32_t first, most;  /* of the tasks */
    bool whole;            /* ERR_TOO_LARGE rather than fewer than `most` */
    const bson_t *project; /* the target, and the index of its topic, to store the copies */
    int topic;
    const bson_t **docs;  /* as they are now */
    uint32_t read, found; /* how many were looked for, and are there */
    uint32_t done, lost;  /* how many were dealt with; of them, those that have left the source */
};

/*
 * Within a change: reads the tasks of a part; fewer than `most` if they are large or have many
 * files, but at least one.
 */
enum err project_copy_load(struct request *r, const struct project_copy *copy,
                           struct project_copy_part *part) MUST_CHECK;

/* Within the same change: copies what was loaded, and sets part->done and part->lost. */
enum err project_copy_store(struct request *r, struct change *change,
                            const struct project_copy *copy,
                            struct project_copy_part *part) MUST_CHECK;

#endif
