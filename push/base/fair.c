/*
 * A ring of owners, each with a queue.  An owner is in it while it has items, is held, is resting
 * or has used some of its burst.  The last of these do not make the ring long: an owner stays for
 * FAIR_REST times what its items took, so on average they are FAIR_REST for each thread.
 */
#include "push/base/fair.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/id.h"
#include "common/base/must.h"

struct fair_owner {
    struct fair_owner *after, *before; /* in the ring */
    struct fair_owner *in_bucket;
    unsigned char id[ID_BYTES];
    struct fair_item *first, **last;
    bool held;
    int64_t rests_until;
    int64_t idle_until; /* by then it has its whole burst again */
};

static struct fair_owner **
bucket_of(struct fair *f, const unsigned char id[ID_BYTES])
{
    return &f->buckets[hash_id(id) % FAIR_BUCKETS];
}

static struct fair_owner *
find(struct fair *f, const unsigned char id[ID_BYTES])
{
    struct fair_owner *o = *bucket_of(f, id);

    while (o != NULL && memcmp(o->id, id, ID_BYTES) != 0)
        o = o->in_bucket;
    return o;
}

/* A new owner is served after all others. */
static struct fair_owner *
add_owner(struct fair *f, const unsigned char id[ID_BYTES])
{
    struct fair_owner *o = must_alloc(1, sizeof(*o)), **bucket = bucket_of(f, id);

    memcpy(o->id, id, ID_BYTES);
    f->owner_count++;
    o->last = &o->first;
    o->in_bucket = *bucket;
    *bucket = o;
    if (f->next == NULL) {
        f->next = o->after = o->before = o;
    } else {
        o->after = f->next;
        o->before = f->next->before;
        o->before->after = o;
        o->after->before = o;
    }
    return o;
}

/* Takes an owner without items out of bucket and ring, and frees it. */
static void
drop_owner(struct fair *f, struct fair_owner *o)
{
    struct fair_owner **at = bucket_of(f, o->id);

    while (*at != o)
        at = &(*at)->in_bucket;
    *at = o->in_bucket;
    if (f->next == o)
        f->next = o->after == o ? NULL : o->after;
    o->before->after = o->after;
    o->after->before = o->before;
    f->owner_count--;
    free(o);
}

void
fair_add(struct fair *f, const unsigned char id[ID_BYTES], struct fair_item *item)
{
    struct fair_owner *o = find(f, id);

    if (o == NULL)
        o = add_owner(f, id);
    item->owner = o;
    item->after = NULL;
    item->link = o->last;
    *o->last = item;
    o->last = &item->after;
    f->count++;
}

/* Takes an item out of its owner's queue; the owner stays, even without items. */
static void
unlink_item(struct fair *f, struct fair_item *item)
{
    struct fair_owner *o = item->owner;

    *item->link = item->after;
    if (item->after != NULL)
        item->after->link = item->link;
    else
        o->last = item->link;
    item->owner = NULL;
    f->count--;
}

void
fair_remove(struct fair *f, struct fair_item *item)
{
    struct fair_owner *o = item->owner;

    if (o == NULL)
        return;
    unlink_item(f, item);
    if (o->first == NULL && !o->held && o->idle_until == 0)
        drop_owner(f, o);
}

struct fair_item *
fair_take(struct fair *f, int64_t now, int64_t *again)
{
    *again = 0;
    for (uint32_t n = f->owner_count; n > 0; n--) {
        struct fair_owner *o = f->next;
        struct fair_item *item = o->first;

        f->next = o->after;
        if (o->held)
            continue;
        if (o->rests_until > now) {
            if (item != NULL && (*again == 0 || o->rests_until < *again))
                *again = o->rests_until;
            continue;
        }
        if (o->idle_until <= now)
            o->idle_until = 0;
        if (item != NULL) {
            fair_remove(f, item);
            return item;
        }
        if (o->idle_until == 0)
            drop_owner(f, o); /* nothing came for long enough */
    }
    return NULL;
}

void
fair_hold(struct fair *f, const unsigned char id[ID_BYTES])
{
    struct fair_owner *o = find(f, id);

    if (o == NULL)
        o = add_owner(f, id);
    o->held = true;
}

static int64_t
at_most(int64_t value, int64_t most)
{
    return value < most ? value : most;
}

void
fair_release(struct fair *f, const unsigned char id[ID_BYTES], int64_t now, int64_t took)
{
    struct fair_owner *o = find(f, id);
    int64_t used = took;

    if (o == NULL)
        return;
    o->held = false;
    if (o->idle_until > now)
        used += (o->idle_until - now) / FAIR_REST;
    o->idle_until = now + FAIR_REST * at_most(used, 2 * FAIR_BURST_US);
    o->rests_until =
        now + at_most(used <= FAIR_BURST_US ? took : FAIR_REST * took, FAIR_REST_MAX_US);
}

void
fair_free(struct fair *f)
{
    while (f->next != NULL)
        drop_owner(f, f->next);
}
