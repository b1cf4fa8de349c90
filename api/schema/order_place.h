/*
 * A position in an ordered list.  If the keys next to it have grown long, as many of the nearest
 * items on both sides as necessary get new short keys, so that a position is always found.  Pure:
 * the caller supplies the items next to the position.
 */
#ifndef API_SCHEMA_ORDER_PLACE_H
#define API_SCHEMA_ORDER_PLACE_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/text/text.h"

#define ORDER_KEY_LONG                                                                             \
    48 /* characters of a key before its neighbours get new keys; most have 3 to 12 */
#define ORDER_SIDE_MAX 256 /* items on each side that one change may give new keys */

/*
 * Finds the keys of up to `limit` items on one side of the position, nearest first, into keys;
 * *count is how many there are.  The texts must live until order_place() returns.
 */
typedef enum err (*order_nearest)(void *arg, bool above, int limit, const char **keys, int *count);

/* The items from the farthest below to the farthest above, including the new one. */
struct order_place {
    int below, above;                         /* items on each side that get new keys */
    struct text keys[2 * ORDER_SIDE_MAX + 1]; /* the new one's is keys[below] */
};

/*
 * end is a key that sorts after all others.  ERR_CONFLICT only if two items have the same key or
 * keys are out of order; otherwise errors of nearest().  The caller frees the place with
 * order_place_free().
 */
enum err order_place_find(order_nearest nearest, void *arg, const char *end,
                          struct order_place *out) MUST_CHECK;

void order_place_free(void *place);

#endif
