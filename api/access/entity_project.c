/*
 * A direct-mapped table in the process; a new entry replaces the one in its slot.
 */
#include "api/access/entity_project.h"

#include <pthread.h>

#define PLACES 16384

static struct place {
    bson_oid_t user, entity, project; /* all zero: empty, since no user has such an id */
} places[PLACES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* held only while copying */

static struct place *
place_of(const bson_oid_t *user, const bson_oid_t *entity)
{
    uint32_t hash = bson_oid_hash(entity) * 31 + bson_oid_hash(user);

    return &places[(hash ^ hash >> 14) % PLACES];
}

bool
entity_project_get(const bson_oid_t *user, const bson_oid_t *entity, bson_oid_t *project)
{
    const struct place *p = place_of(user, entity);
    bool found;

    pthread_mutex_lock(&lock);
    found = bson_oid_equal(&p->user, user) && bson_oid_equal(&p->entity, entity);
    if (found)
        *project = p->project;
    pthread_mutex_unlock(&lock);
    return found;
}

void
entity_project_put(const bson_oid_t *user, const bson_oid_t *entity, const bson_oid_t *project)
{
    struct place *p = place_of(user, entity);

    pthread_mutex_lock(&lock);
    *p = (struct place){*user, *entity, *project};
    pthread_mutex_unlock(&lock);
}
