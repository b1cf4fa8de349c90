/*
 * A sorted array of member ids.
 */
#include "push/base/rights.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/vec.h"

/* The index of the id, or where it would be inserted. */
static uint32_t
find(const struct rights *r, const unsigned char id[ID_BYTES], bool *there)
{
    uint32_t low = 0, high = r->count;

    *there = false;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int order = memcmp(r->ids[mid], id, ID_BYTES);

        if (order == 0) {
            *there = true;
            return mid;
        }
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

void
rights_free(struct rights *r)
{
    free(r->ids);
    *r = (struct rights){0};
}

void
rights_add(struct rights *r, const unsigned char id[ID_BYTES])
{
    bool there;
    uint32_t at = find(r, id, &there);

    if (there)
        return;
    r->ids = vec_room(r->ids, r->count, &r->size, sizeof(*r->ids));
    memmove(r->ids + at + 1, r->ids + at, (r->count - at) * sizeof(*r->ids));
    memcpy(r->ids[at], id, ID_BYTES);
    r->count++;
}

void
rights_remove(struct rights *r, const unsigned char id[ID_BYTES])
{
    bool there;
    uint32_t at = find(r, id, &there);

    if (!there)
        return;
    r->count--;
    memmove(r->ids + at, r->ids + at + 1, (r->count - at) * sizeof(*r->ids));
}

bool
rights_may(const struct rights *r, const unsigned char id[ID_BYTES])
{
    bool there = false;

    if (r->open && !r->trashed)
        return true;
    find(r, id, &there);
    return there;
}
