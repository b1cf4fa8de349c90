/*
 * A position in an ordered list.  Between two keys that
 * have grown long, the nearest items on both sides are given short keys anew,
 * as many of them as it takes, so that a place is always found.  Pure: the
 * caller answers what stands next to the place.
 */
#ifndef API_SCHEMA_ORDER_PLACE_H
#define API_SCHEMA_ORDER_PLACE_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/text/text.h"

#define ORDER_KEY_LONG                                                                             \
    48 /* characters of a key before its surroundings are spread; most have 3 to 12 */
#define ORDER_SIDE_MAX 256 /* items on each side that one change may give new keys */

/*
 * Finds the keys of up to `limit` items on one side of the place, nearest first,
 * into keys; *count is how many there are.  The texts live until the place is found.
 */
typedef enum err (*order_nearest)(void *arg, bool above, int limit, const char **keys, int *count);

/* The items from the farthest below to the farthest above, the new one among them. */
struct order_place {
    int below, above;                         /* items on each side that get new keys */
    struct text keys[2 * ORDER_SIDE_MAX + 1]; /* the new one's is keys[below] */
};

/*
 * end is a key that sorts after all others.  ERR_CONFLICT only when two items have the
 * same key or keys are out of order; else errors of nearest().  The place is
 * the caller's to order_place_free().
 */
enum err order_place_find(order_nearest nearest, void *arg, const char *end,
                          struct order_place *out) MUST_CHECK;

void order_place_free(void *place);

#endif
