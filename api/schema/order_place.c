/*
 * The number of items read is doubled until the interval between the outermost two is wide enough
 * for short keys.
 */
#include "api/schema/order_place.h"

#include <string.h>

#include "api/schema/order_key.h"

#define FIRST_SIDE 4 /* items on each side that are tried first */

struct search {
    order_nearest nearest;
    void *arg;
    const char *end; /* a key that sorts after all others */
};

/*
 * Fills keys[first] to keys[last] with keys between two; returns the length of the longest, 0: no
 * room.
 */
static size_t
spread(struct text *keys, int first, int last, const char *low, const char *high)
{
    int middle = first + (last - first) / 2;
    size_t longest, side;

    text_clear(&keys[middle]);
    if (!order_key_between(&keys[middle], low, high))
        return 0;
    longest = keys[middle].len;
    if (middle > first) {
        if ((side = spread(keys, first, middle - 1, low, keys[middle].bytes)) == 0)
            return 0;
        longest = side > longest ? side : longest;
    }
    if (middle < last) {
        if ((side = spread(keys, middle + 1, last, keys[middle].bytes, high)) == 0)
            return 0;
        longest = side > longest ? side : longest;
    }
    return longest;
}

/* Tries with up to `side` items on each side; *longest is the longest key, 0 if there is no room.
 */
static enum err
try_with(const struct search *s, int side, struct order_place *p, size_t *longest)
{
    const char *below[ORDER_SIDE_MAX + 1], *above[ORDER_SIDE_MAX + 1];
    int n_below, n_above;
    enum err err;

    if ((err = s->nearest(s->arg, false, side + 1, below, &n_below)) != ERR_NONE ||
        (err = s->nearest(s->arg, true, side + 1, above, &n_above)) != ERR_NONE)
        return err;
    p->below = n_below > side ? side : n_below;
    p->above = n_above > side ? side : n_above;
    *longest = spread(p->keys, 0, p->below + p->above, n_below > side ? below[side] : NULL,
                      n_above > side ? above[side] : s->end);
    return ERR_NONE;
}

enum err
order_place_find(order_nearest nearest, void *arg, const char *end, struct order_place *out)
{
    const struct search s = {nearest, arg, end};
    size_t longest = 0;

    memset(out, 0, sizeof(*out));
    for (int side = 0; side <= ORDER_SIDE_MAX; side = side == 0 ? FIRST_SIDE : side * 2) {
        enum err err = try_with(&s, side, out, &longest);

        if (err != ERR_NONE)
            return err;
        /*
         * Once new keys are needed, at most half the allowed length, so that the next time is far
         * off.
         */
        if (longest > 0 && longest <= (side == 0 ? ORDER_KEY_LONG : ORDER_KEY_LONG / 2))
            break;
    }
    return longest > 0 ? ERR_NONE : ERR_CONFLICT;
}

void
order_place_free(void *place)
{
    struct order_place *p = place;

    for (size_t i = 0; i < sizeof(p->keys) / sizeof(p->keys[0]); i++)
        text_free(&p->keys[i]);
}
