/*
 * A direct-mapped table; large projects are not kept, since a copy would cost
 * more than the reading.
 */
#include "api/project_cache.h"

#include <pthread.h>

#define PLACES  1024
#define LARGEST 16384 /* bytes of a project: about 200 members */

static struct place {
    bson_oid_t id;
    int64_t at;
    bson_t *project; /* NULL: empty */
} places[PLACES];
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER; /* held for a copy of some kilobytes */

bson_t *
project_cache_get(const bson_oid_t *id, int64_t not_before)
{
    uint32_t n = bson_oid_hash(id) % PLACES;
    bson_t *copy = NULL;

    pthread_rwlock_rdlock(&lock);
    if (places[n].project != NULL && places[n].at >= not_before &&
        bson_oid_equal(&places[n].id, id))
        copy = bson_copy(places[n].project);
    pthread_rwlock_unlock(&lock);
    return copy;
}

void
project_cache_put(const bson_oid_t *id, int64_t at, const bson_t *project)
{
    uint32_t n = bson_oid_hash(id) % PLACES;

    if (project->len > LARGEST)
        return;
    pthread_rwlock_wrlock(&lock);
    if (places[n].project != NULL)
        bson_destroy(places[n].project);
    places[n] = (struct place){*id, at, bson_copy(project)};
    pthread_rwlock_unlock(&lock);
}
