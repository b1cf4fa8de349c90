/*
 * A table with some places for each of the turns' lines: whoever has the turn
 * is alone with them.
 */
#include "common/heads.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "common/turns.h"

#define PLACES 64 /* of a line; the newest topic of a place stays */

struct place {
    atomic_ullong key; /* the topic's hash; 0: empty */
    struct head head;
};

static struct place *table;

void
heads_share(void)
{
    table = mmap(NULL, (size_t)TURNS_LINES * PLACES * sizeof(*table), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (table == MAP_FAILED)
        abort();
}

static struct place *
find(const char *topic, uint64_t *key)
{
    *key = turns_hash(topic);
    return &table[(*key % TURNS_LINES) * PLACES + *key / TURNS_LINES % PLACES];
}

bool
heads_get(const char *topic, struct head *out)
{
    uint64_t key;
    struct place *p;

    if (table == NULL || (p = find(topic, &key))->key != key)
        return false;
    *out = p->head;
    return true;
}

void
heads_put(const char *topic, const struct head *head)
{
    uint64_t key;
    struct place *p;

    if (table == NULL)
        return;
    p = find(topic, &key);
    /* Should we die between the lines, it is empty: atomics keep their order. */
    atomic_exchange(&p->key, 0);
    p->head = *head;
    atomic_exchange(&p->key, key);
}

void
heads_forget(const char *topic)
{
    uint64_t key;
    struct place *p;

    if (table != NULL && (p = find(topic, &key))->key == key)
        p->key = 0;
}
