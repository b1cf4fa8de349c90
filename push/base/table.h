/*
 * A hash table of items that are part of larger structs; it doubles as it fills up.  Pure data.
 */
#ifndef PUSH_BASE_TABLE_H
#define PUSH_BASE_TABLE_H

#include <stdint.h>

/* Part of a larger struct, and in one table at most. */
struct table_item {
    struct table_item *next; /* in the same bucket */
};

/* With its hash function and otherwise all zero it is empty. */
struct table {
    uint32_t (*hash)(const struct table_item *item);
    struct table_item **buckets;
    uint32_t size, count; /* buckets, a power of two; items */
};

void table_add(struct table *table, struct table_item *item);

/* The item must be in the table. */
void table_remove(struct table *table, struct table_item *item);

/* The first item whose hash may be this one, NULL: none; the others follow by `next`. */
struct table_item *table_find(const struct table *table, uint32_t hash);

/*
 * Walks all items: start with *bucket 0 and NULL; NULL at the end.  The item after this one must be
 * asked for before this one is removed, and none may be added meanwhile.
 */
struct table_item *table_next(const struct table *table, uint32_t *bucket,
                              const struct table_item *item);

/* Frees the buckets, not the items. */
void table_free(struct table *table);

#endif
