/*
 * A table of lists; addresses without sockets are forgotten.
 */
#include "push/net/addresses.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/must.h"

#define BUCKETS 1024

struct address {
    struct address *after, **link;
    long count, shaking;
    char name[64];
};

static struct address *buckets[BUCKETS];

static struct address **
bucket(const char *name)
{
    return &buckets[hash_text(name) % BUCKETS];
}

struct address *
addresses_add(const char *name)
{
    struct address **list = bucket(name), *a = *list;

    while (a != NULL && strcmp(a->name, name) != 0)
        a = a->after;
    if (a == NULL) {
        a = must_alloc(1, sizeof(*a));
        snprintf(a->name, sizeof(a->name), "%s", name);
        a->after = *list;
        a->link = list;
        if (a->after != NULL)
            a->after->link = &a->after;
        *list = a;
    }
    a->count++;
    a->shaking++;
    return a;
}

void
addresses_shaken(struct address *a)
{
    a->shaking--;
}

long
addresses_shaking(const struct address *a)
{
    return a->shaking;
}

void
addresses_remove(struct address *a)
{
    if (a == NULL || --a->count > 0)
        return;
    *a->link = a->after;
    if (a->after != NULL)
        a->after->link = a->link;
    free(a);
}

long
addresses_count(const struct address *a)
{
    return a->count;
}
