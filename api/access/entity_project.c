/*
 * A direct-mapped table that the processes of this host share; a new entry replaces the one in its
 * place.  There is no lock: an entry that was read while it was written, or whose writer died, does
 * not match its check.
 */
#include "api/access/entity_project.h"

#include <stdatomic.h>

#include "common/base/hash.h"
#include "common/base/must.h"

#define PLACES 65536 /* 40 bytes each; memory is used for those that were written */
#define WORDS  9     /* of three ids */

struct place {
    _Atomic uint32_t words[WORDS], check;
};

/* A place as one thread sees it.  All zero, as in the beginning, is empty: its check is wrong. */
struct entry {
    bson_oid_t user, entity, project;
};
_Static_assert(sizeof(struct entry) == WORDS * sizeof(uint32_t), "ids have no padding");

static struct place *places;

void
entity_project_share(void)
{
    places = must_share(PLACES * sizeof(*places));
}

static struct place *
place_of(const bson_oid_t *user, const bson_oid_t *entity)
{
    uint64_t hash = hash_fnv(hash_id(user), entity, sizeof(*entity));

    return &places[(hash ^ hash >> 32) % PLACES];
}

static uint32_t
check_of(const uint32_t words[WORDS])
{
    uint64_t hash = hash_fnv(HASH_START, words, WORDS * sizeof(words[0]));

    return (uint32_t)(hash ^ hash >> 32);
}

bool
entity_project_get(const bson_oid_t *user, const bson_oid_t *entity, bson_oid_t *project)
{
    const struct place *p;
    uint32_t words[WORDS];
    struct entry entry;

    if (places == NULL)
        return false;
    p = place_of(user, entity);
    for (int i = 0; i < WORDS; i++)
        words[i] = atomic_load_explicit(&p->words[i], memory_order_relaxed);
    memcpy(&entry, words, sizeof(entry));
    if (!bson_oid_equal(&entry.user, user) || !bson_oid_equal(&entry.entity, entity) ||
        atomic_load_explicit(&p->check, memory_order_relaxed) != check_of(words))
        return false;
    *project = entry.project;
    return true;
}

void
entity_project_put(const bson_oid_t *user, const bson_oid_t *entity, const bson_oid_t *project)
{
    struct entry entry = {*user, *entity, *project};
    uint32_t words[WORDS];
    struct place *p;

    if (places == NULL)
        return;
    p = place_of(user, entity);
    memcpy(words, &entry, sizeof(words));
    for (int i = 0; i < WORDS; i++)
        atomic_store_explicit(&p->words[i], words[i], memory_order_relaxed);
    atomic_store_explicit(&p->check, check_of(words), memory_order_relaxed);
}
