/*
 * Questions about the log that only its watchers ask: where many topics stand, and
 * with which event something began.
 */
#ifndef COMMON_CHANGE_EVENT_FIND_H
#define COMMON_CHANGE_EVENT_FIND_H

#include <stdint.h>

#include "common/change/event_log.h"

/* Topic, number and counter of those of the named topics that exist; no kind, no frame. */
enum err event_find_heads(struct store *store, const char *const *topics, int count,
                          event_each each, void *arg) MUST_CHECK;

/* The events of a topic after a number, up to another. */
struct event_range {
    const char *topic;
    int64_t after, upto;
};

/*
 * Topic, number, kind and entity of the events of all ranges, in no order, no frame; and of some
 * beside them, since ranges that begin near each other are asked for together.  Sorts the ranges.
 */
enum err event_find_ranges(struct store *store, struct event_range *ranges, int count,
                           event_each each, void *arg) MUST_CHECK;

/* Topic and number of the oldest events of before an instant, at most limit. */
enum err event_find_before(struct store *store, int64_t at, int limit, event_each each,
                           void *arg) MUST_CHECK;

/*
 * Looks for topics whose number is below that of one of the log's newest events, which makes every
 * change of theirs a conflict: the trace of a backup that is not of one instant.  Says it; *found.
 */
enum err event_find_behind(struct store *store, int *found) MUST_CHECK;

/* The number of a topic's newest event of a kind on an entity; ERR_NOT_FOUND when there is none. */
struct event_trace {
    const char *topic, *entity_id, *kind;
    int64_t rev; /* that the entity had then; below 0: any */
};
enum err event_find_last(struct store *store, const struct event_trace *what,
                         int64_t *seq) MUST_CHECK;

/*
 * Where a user's membership began, for each of the named topics of projects: calls each with topic
 * and seq of the newest `member.added` on the user, or of `project.created`.  Topics of which the
 * log holds neither are left out.
 */
struct event_memberships {
    const char *const *topics;
    int count;
    const char *user_id;
};
enum err event_find_beginnings(struct store *store, const struct event_memberships *what,
                               event_each each, void *arg) MUST_CHECK;

/*
 * The newest number of every topic that some change began to write at or after an
 * instant of the database's (it writes the instant itself, $currentDate).
 */
enum err event_find_touched(struct store *store, int64_t at, event_each each, void *arg) MUST_CHECK;

#endif
