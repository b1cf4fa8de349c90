/*
 * A queue that is fair by owner: a thousand items of one user do not delay another's one.  Each
 * owner has a lane, and lanes take turns.  Pure data, no I/O; the caller locks.
 */
#ifndef PUSH_DATA_FAIR_H
#define PUSH_DATA_FAIR_H

#include <stdbool.h>
#include <stdint.h>

#define FAIR_BUCKETS 256

struct fair_lane;

/* What waits; part of a larger struct. */
struct fair_item {
    struct fair_item *after, **link;
    struct fair_lane *lane; /* NULL: does not wait */
};

/* Zeroed it is empty. */
struct fair {
    struct fair_lane *buckets[FAIR_BUCKETS]; /* by owner */
    struct fair_lane *next_lane;             /* in the ring of all lanes; served next */
    uint32_t count, lanes;                   /* items that wait */
};

/* Puts an item at the end of its owner's lane. */
void fair_add(struct fair *f, const unsigned char owner[12], struct fair_item *item);

/* Takes an item out wherever it waits; nothing when it does not. */
void fair_remove(struct fair *f, struct fair_item *item);

/*
 * The first item of the next lane that is not held and has rested; NULL when there is none, and
 * then *again is the earliest instant at which one has rested (0: none is resting).
 */
struct fair_item *fair_take(struct fair *f, int64_t now, int64_t *again);

/* The owner's next item is not taken before fair_release(), and then not before that instant. */
void fair_hold(struct fair *f, const unsigned char owner[12]);
void fair_release(struct fair *f, const unsigned char owner[12], int64_t rests_until);

/* Frees the lanes; items must have been taken. */
void fair_free(struct fair *f);

#endif
