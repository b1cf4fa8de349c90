/*
 * Leaks by the millisecond.
 */
#include "push/base/bucket.h"

bool
bucket_take(struct bucket *b, const struct bucket_size *size, int32_t much, int64_t now)
{
    int32_t ms = (int32_t)(uint32_t)(now / 1000);
    int64_t passed = (int32_t)((uint32_t)ms - (uint32_t)b->at), level = b->level;

    if (passed < 0)
        passed = INT32_MAX; /* so long ago that the clock has wrapped */
    level -= passed * size->per_second;
    if (level < 0)
        level = 0;
    b->at = ms;
    b->level = (int32_t)level;
    if (level + much * INT64_C(1000) > size->most * INT64_C(1000))
        return false;
    b->level = (int32_t)(level + much * INT64_C(1000));
    return true;
}
