/*
 * A queue that is fair by owner: a thousand items of one user do not delay another user's single
 * one.  Owners are served round-robin, each from a queue of its own, and rest after each item.
 * Pure data, no I/O; the caller locks.  Times are in us of clock_steady().
 */
#ifndef PUSH_BASE_FAIR_H
#define PUSH_BASE_FAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/id.h"

#define FAIR_BUCKETS 256

/*
 * An owner rests for as long as its item took.  One whose items have taken FAIR_BURST_US rests
 * FAIR_REST times as long instead, at most FAIR_REST_MAX_US, until it has been idle for FAIR_REST
 * times what they took.  So users who come back get their answers at once, and one who never stops
 * asking uses about one part in FAIR_REST of a thread.
 */
#define FAIR_BURST_US    250000
#define FAIR_REST        32
#define FAIR_REST_MAX_US 200000

struct fair_owner;

/* An item in the queue; part of a larger struct. */
struct fair_item {
    struct fair_item *after, **link;
    struct fair_owner *owner; /* NULL: it is not in the queue */
};

/* All zero it is empty. */
struct fair {
    struct fair_owner *buckets[FAIR_BUCKETS]; /* by owner */
    struct fair_owner *next;                  /* in the ring of all owners; served next */
    uint32_t count, owner_count;              /* items that wait */
};

/* Puts an item at the end of its owner's queue. */
void fair_add(struct fair *f, const unsigned char id[ID_BYTES], struct fair_item *item);

/* Takes an item out of the queue; does nothing if it is not in it. */
void fair_remove(struct fair *f, struct fair_item *item);

/*
 * Takes the first item of the next owner that is neither held nor resting.  NULL: there is none,
 * and *again is when the first owner ends its rest (0: none is resting).
 */
struct fair_item *fair_take(struct fair *f, int64_t now, int64_t *again);

/* fair_hold() keeps the owner's next item until fair_release(), after which the owner rests. */
void fair_hold(struct fair *f, const unsigned char id[ID_BYTES]);
void fair_release(struct fair *f, const unsigned char id[ID_BYTES], int64_t now, int64_t took);

/* Frees the owners; all items must have been taken. */
void fair_free(struct fair *f);

#endif
