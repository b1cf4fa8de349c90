/*
 * Projects as this process last read them within a change.  Whether one still
 * holds, the topic's head tells (change_unchanged()): then a change need not
 * read the project again to know the caller's rights exactly.
 */
#ifndef API_PROJECT_CACHE_H
#define API_PROJECT_CACHE_H

#include <bson/bson.h>
#include <stdint.h>

/* A copy, the caller's, of what was read at the number not_before or after; NULL: none. */
bson_t *project_cache_get(const bson_oid_t *id, int64_t not_before);

/* It was so at this number of its topic. */
void project_cache_put(const bson_oid_t *id, int64_t at, const bson_t *project);

#endif
