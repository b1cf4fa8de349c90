/*
 * A direct-mapped table.  A copy costs a fraction of a read, however large the project; so only the
 * total size is limited.
 */
#include "api/access/project_cache.h"

#include <pthread.h>

#include "common/base/hash.h"

#define PLACES    1024
#define BYTES_MAX (32u << 20) /* of all projects; one with 5,000 members has 240 KB */

static struct place {
    bson_oid_t id;
    int64_t at;
    bson_t *project; /* NULL: empty */
} places[PLACES];
static size_t bytes;                                       /* of all projects */
static unsigned hand;                                      /* the next slot to evict */
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER; /* held only while copying */

static struct place *
place_of(const bson_oid_t *id)
{
    return &places[hash_id(id) % PLACES];
}

bson_t *
project_cache_get(const bson_oid_t *id, int64_t not_before)
{
    const struct place *p = place_of(id);
    bson_t *copy = NULL;

    pthread_rwlock_rdlock(&lock);
    if (p->project != NULL && p->at >= not_before && bson_oid_equal(&p->id, id))
        copy = bson_copy(p->project);
    pthread_rwlock_unlock(&lock);
    return copy;
}

static void
empty(struct place *p)
{
    if (p->project == NULL)
        return;
    bytes -= p->project->len;
    bson_destroy(p->project);
    p->project = NULL;
}

static void
put(const bson_oid_t *id, int64_t at, const bson_t *project)
{
    struct place *p = place_of(id);

    pthread_rwlock_wrlock(&lock);
    empty(p);
    while (bytes > 0 && bytes + project->len > BYTES_MAX)
        empty(&places[hand++ % PLACES]);
    *p = (struct place){*id, at, bson_copy(project)};
    bytes += project->len;
    pthread_rwlock_unlock(&lock);
}

void
project_cache_note(struct project_reads *reads, const bson_oid_t *id, int64_t at,
                   const bson_t *project)
{
    if (reads->count == PROJECT_READS)
        return;
    reads->items[reads->count].id = *id;
    reads->items[reads->count].at = at;
    reads->items[reads->count++].project = project;
}

void
project_cache_keep(struct project_reads *reads)
{
    for (int i = 0; i < reads->count; i++)
        put(&reads->items[i].id, reads->items[i].at, reads->items[i].project);
    reads->count = 0;
}
