/*
 * A leaky bucket: how much may be done at once and per second.  Pure data.
 */
#ifndef PUSH_BASE_BUCKET_H
#define PUSH_BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* All zero it is empty. */
struct bucket {
    int32_t level; /* in thousandths of what is counted */
    int32_t at;    /* steady ms when the level was right; wraps */
};

/* How much fits, and how much of it leaks out in a second; both at most 2,000,000. */
struct bucket_size {
    int32_t most, per_second;
};

/* Puts an amount in; false: it does not fit, and nothing was put in.  now: steady us. */
bool bucket_take(struct bucket *b, const struct bucket_size *size, int32_t much, int64_t now);

#endif
