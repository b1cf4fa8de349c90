/*
 * 64-bit FNV-1a: a fast hash that spreads well (draft-eastlake-fnv, section 6 has the constants).
 * An attacker who chooses the bytes can make them collide, unless the start is a secret.
 */
#ifndef COMMON_BASE_HASH_H
#define COMMON_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/id.h"

#define HASH_START 14695981039346656037ull

/*
 * The hash of len bytes, continued from start: HASH_START, a secret, or the hash of what came
 * before.
 */
static inline uint64_t
hash_fnv(uint64_t start, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < len; i++)
        start = (start ^ p[i]) * 1099511628211ull;
    return start;
}

/*
 * The hash of an id as stored.  Ids made one after another differ in their last bytes only;
 * bson_oid_hash() would map them onto few values.
 */
static inline uint64_t
hash_id(const void *id)
{
    return hash_fnv(HASH_START, id, ID_BYTES);
}

static inline uint64_t
hash_text(const char *text)
{
    return hash_fnv(HASH_START, text, strlen(text));
}

#endif
