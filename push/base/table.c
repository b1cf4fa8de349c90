/*
 * Buckets are lists; on average a list has at most one item.
 */
#include "push/base/table.h"

#include <stdlib.h>

#include "common/base/must.h"

#define FIRST 256 /* buckets */

static void
put(struct table_item **buckets, uint32_t size, uint32_t hash, struct table_item *item)
{
    struct table_item **bucket = &buckets[hash & (size - 1)];

    item->next = *bucket;
    *bucket = item;
}

/* Doubles the number of buckets. */
static void
grow(struct table *t)
{
    uint32_t size = t->size == 0 ? FIRST : t->size * 2;
    struct table_item **fresh = must_alloc(size, sizeof(struct table_item *));

    for (uint32_t i = 0; i < t->size; i++) {
        for (struct table_item *item = t->buckets[i], *next; item != NULL; item = next) {
            next = item->next;
            put(fresh, size, t->hash(item), item);
        }
    }
    free(t->buckets);
    t->buckets = fresh;
    t->size = size;
}

void
table_add(struct table *t, struct table_item *item)
{
    if (t->count >= t->size)
        grow(t);
    put(t->buckets, t->size, t->hash(item), item);
    t->count++;
}

void
table_remove(struct table *t, struct table_item *item)
{
    struct table_item **at = &t->buckets[t->hash(item) & (t->size - 1)];

    while (*at != item)
        at = &(*at)->next;
    *at = item->next;
    t->count--;
}

struct table_item *
table_find(const struct table *t, uint32_t hash)
{
    return t->size == 0 ? NULL : t->buckets[hash & (t->size - 1)];
}

struct table_item *
table_next(const struct table *t, uint32_t *bucket, const struct table_item *item)
{
    struct table_item *next = item == NULL ? NULL : item->next;

    while (next == NULL && *bucket < t->size)
        next = t->buckets[(*bucket)++];
    return next;
}

void
table_free(struct table *t)
{
    free(t->buckets);
    t->buckets = NULL;
    t->size = t->count = 0;
}
