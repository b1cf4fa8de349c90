/*
 * Arrays that grow: a pointer to the items, how many there are, and how many there is room for.
 */
#ifndef COMMON_BASE_VEC_H
#define COMMON_BASE_VEC_H

#include <stdint.h>

#include "common/base/must.h"

#define VEC_FIRST 4 /* items of a new array */

/*
 * The array with room for one more item; the caller adds 1 to count once the item is in.  The
 * array may move, so pointers into it do not survive this.  items is NULL and *room 0 at first,
 * each is the size of an item.  Free with free().
 *
 *     list->items = vec_room(list->items, list->count, &list->room, sizeof(*list->items));
 *     list->items[list->count++] = item;
 */
static inline void *
vec_room(void *items, uint32_t count, uint32_t *room, size_t each)
{
    if (count < *room)
        return items;
    if (*room > UINT32_MAX / 2)
        must_not_happen("an array has more than 2^31 items");
    *room = *room == 0 ? VEC_FIRST : *room * 2;
    return must_resize(items, *room * each);
}

#endif
