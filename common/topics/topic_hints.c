/*
 * A table with some entries for each stripe of topic_lock.c; the holder of the stripe is the only
 * one that uses them.
 */
#include "common/topics/topic_hints.h"

#include <stdatomic.h>

#include "common/base/must.h"
#include "common/time/clock.h"
#include "common/topics/topic_lock.h"

#define PLACES   64      /* per stripe; a newer topic replaces an older one */
#define DOUBT_US 1000000 /* how long a stripe is doubted */

struct place {
    atomic_ullong key; /* the topic's hash; 0: empty */
    struct topic_hint hint;
};

static struct place *table;
static atomic_llong *doubted_until; /* for each stripe: a time of clock_steady() */

void
topic_hints_share(void)
{
    table = must_share((size_t)TOPIC_LOCK_STRIPES * PLACES * sizeof(*table));
    doubted_until = must_share(TOPIC_LOCK_STRIPES * sizeof(*doubted_until));
}

static struct place *
find(const char *topic, uint64_t *key)
{
    *key = topic_lock_hash(topic);
    return &table[(*key % TOPIC_LOCK_STRIPES) * PLACES + *key / TOPIC_LOCK_STRIPES % PLACES];
}

bool
topic_hints_get(const char *topic, struct topic_hint *out)
{
    uint64_t key;
    struct place *p;

    if (table == NULL || (p = find(topic, &key))->key != key)
        return false;
    *out = p->hint;
    return true;
}

void
topic_hints_put(const char *topic, const struct topic_hint *hint)
{
    uint64_t key;
    struct place *p;

    if (table == NULL)
        return;
    p = find(topic, &key);
    /* If the process dies in between, the entry is empty: atomic operations keep their order. */
    atomic_exchange(&p->key, 0);
    p->hint = *hint;
    atomic_exchange(&p->key, key);
}

void
topic_hints_forget(const char *topic)
{
    uint64_t key;
    struct place *p;

    if (table != NULL && (p = find(topic, &key))->key == key)
        p->key = 0;
}

static atomic_llong *
doubt_of(const char *topic)
{
    return &doubted_until[topic_lock_hash(topic) % TOPIC_LOCK_STRIPES];
}

void
topic_hints_doubt(const char *topic)
{
    if (table != NULL)
        atomic_store(doubt_of(topic), clock_steady() + DOUBT_US);
}

bool
topic_hints_doubted(const char *topic)
{
    return table != NULL && atomic_load(doubt_of(topic)) > clock_steady();
}
