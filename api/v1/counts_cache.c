/*
 * A direct-mapped table in each process.
 */
#include "api/v1/project_counts.h"

#include <pthread.h>

#include "common/base/hash.h"

#define PLACES 4096 /* 160 KiB */

static struct place {
    bson_oid_t project;
    int64_t seq; /* 0: empty; numbers begin with 1 */
    struct project_counts counts;
} places[PLACES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct place *
place_of(const bson_oid_t *project)
{
    return &places[hash_id(project) % PLACES];
}

bool
project_counts_get(const bson_oid_t *project, int64_t seq, struct project_counts *out)
{
    const struct place *p = place_of(project);
    bool known;

    pthread_mutex_lock(&lock);
    known = seq > 0 && p->seq == seq && bson_oid_equal(&p->project, project);
    if (known)
        *out = p->counts;
    pthread_mutex_unlock(&lock);
    return known;
}

void
project_counts_put(const bson_oid_t *project, int64_t seq, const struct project_counts *counts)
{
    pthread_mutex_lock(&lock);
    *place_of(project) = (struct place){*project, seq, *counts};
    pthread_mutex_unlock(&lock);
}
