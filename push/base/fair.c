/*
 * A ring of lanes.  A lane exists while it has items, is held or is resting.
 */
#include "push/base/fair.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/must.h"

struct fair_lane {
    struct fair_lane *after, *before; /* in the ring */
    struct fair_lane *in_bucket;
    unsigned char owner[12];
    struct fair_item *first, **last;
    bool held;
    int64_t rests_until;
};

static struct fair_lane **
bucket_of(struct fair *f, const unsigned char owner[12])
{
    return &f->buckets[hash_fnv(HASH_START, owner, 12) % FAIR_BUCKETS];
}

static struct fair_lane *
find(struct fair *f, const unsigned char owner[12])
{
    struct fair_lane *l = *bucket_of(f, owner);

    while (l != NULL && memcmp(l->owner, owner, 12) != 0)
        l = l->in_bucket;
    return l;
}

/* A new lane is served after all others. */
static struct fair_lane *
add_lane(struct fair *f, const unsigned char owner[12])
{
    struct fair_lane *l = must_alloc(1, sizeof(*l)), **bucket = bucket_of(f, owner);

    memcpy(l->owner, owner, 12);
    f->lanes++;
    l->last = &l->first;
    l->in_bucket = *bucket;
    *bucket = l;
    if (f->next_lane == NULL) {
        f->next_lane = l->after = l->before = l;
    } else {
        l->after = f->next_lane;
        l->before = f->next_lane->before;
        l->before->after = l;
        l->after->before = l;
    }
    return l;
}

/* Takes an empty lane out of bucket and ring, and frees it. */
static void
drop_lane(struct fair *f, struct fair_lane *l)
{
    struct fair_lane **at = bucket_of(f, l->owner);

    while (*at != l)
        at = &(*at)->in_bucket;
    *at = l->in_bucket;
    if (f->next_lane == l)
        f->next_lane = l->after == l ? NULL : l->after;
    l->before->after = l->after;
    l->after->before = l->before;
    f->lanes--;
    free(l);
}

void
fair_add(struct fair *f, const unsigned char owner[12], struct fair_item *item)
{
    struct fair_lane *l = find(f, owner);

    if (l == NULL)
        l = add_lane(f, owner);
    item->lane = l;
    item->after = NULL;
    item->link = l->last;
    *l->last = item;
    l->last = &item->after;
    f->count++;
}

/* Takes an item out of its lane; the lane stays, even when it is empty. */
static void
unlink_item(struct fair *f, struct fair_item *item)
{
    struct fair_lane *l = item->lane;

    *item->link = item->after;
    if (item->after != NULL)
        item->after->link = item->link;
    else
        l->last = item->link;
    item->lane = NULL;
    f->count--;
}

void
fair_remove(struct fair *f, struct fair_item *item)
{
    struct fair_lane *l = item->lane;

    if (l == NULL)
        return;
    unlink_item(f, item);
    if (l->first == NULL && !l->held && l->rests_until == 0)
        drop_lane(f, l);
}

struct fair_item *
fair_take(struct fair *f, int64_t now, int64_t *again)
{
    *again = 0;
    for (uint32_t n = f->lanes; n > 0; n--) {
        struct fair_lane *l = f->next_lane;
        struct fair_item *item = l->first;

        f->next_lane = l->after;
        if (l->held)
            continue;
        if (l->rests_until > now) {
            if (item != NULL && (*again == 0 || l->rests_until < *again))
                *again = l->rests_until;
            continue;
        }
        l->rests_until = 0;
        if (item == NULL) {
            drop_lane(f, l); /* it has rested, and nothing came */
            continue;
        }
        fair_remove(f, item);
        return item;
    }
    return NULL;
}

void
fair_hold(struct fair *f, const unsigned char owner[12])
{
    struct fair_lane *l = find(f, owner);

    if (l == NULL)
        l = add_lane(f, owner);
    l->held = true;
}

void
fair_release(struct fair *f, const unsigned char owner[12], int64_t rests_until)
{
    struct fair_lane *l = find(f, owner);

    if (l == NULL)
        return;
    l->held = false;
    l->rests_until = rests_until;
    if (l->first == NULL && rests_until == 0)
        drop_lane(f, l);
}

void
fair_free(struct fair *f)
{
    while (f->next_lane != NULL)
        drop_lane(f, f->next_lane);
}
