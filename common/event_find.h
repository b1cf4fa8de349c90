/*
 * Questions about the log that only its watchers ask: where many topics stand, and
 * with which event something began.
 */
#ifndef COMMON_EVENT_FIND_H
#define COMMON_EVENT_FIND_H

#include <stdint.h>

#include "common/event_log.h"

/* Topic and number of those of the named topics that exist; no kind, no frame. */
enum err event_find_heads(struct store *store, const char *const *topics, int count,
                          event_each each, void *arg) MUST_CHECK;

/* The number of a topic's newest event of a kind on an entity; rev < 0: of any
 * rev.  ERR_NOT_FOUND when the log holds none. */
enum err event_find_last(struct store *store, const char *topic, const char *entity_id,
                         const char *kind, int64_t rev, int64_t *seq) MUST_CHECK;

#endif
