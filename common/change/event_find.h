/*
 * Queries of the log that only push and sync need: the heads of many topics, and the event with
 * which a membership began.
 */
#ifndef COMMON_CHANGE_EVENT_FIND_H
#define COMMON_CHANGE_EVENT_FIND_H

#include <stdint.h>

#include "common/change/event_log.h"

/* Calls each with topic, number and counter of each named topic that exists; no kind, no frame. */
enum err event_find_heads(struct store *store, const char *const *topics, int count,
                          event_each each, void *arg) MUST_CHECK;

/* The events of a topic after a number, up to another. */
struct event_range {
    const char *topic;
    int64_t after, upto;
};

/*
 * Calls each with topic, number, kind and entity of the events of all ranges, in no order and
 * without frames.  It also gets some events outside the ranges, since ranges that begin near each
 * other are read together.  Sorts the ranges.
 */
enum err event_find_ranges(struct store *store, struct event_range *ranges, int count,
                           event_each each, void *arg) MUST_CHECK;

/* Topic and number of the oldest events from before an instant, at most limit. */
enum err event_find_before(struct store *store, int64_t at, int limit, event_each each,
                           void *arg) MUST_CHECK;

/*
 * Looks for topics whose number is below that of one of the log's newest events, so that every
 * change in them would be a conflict: the sign of a backup that was not taken at one instant.  Logs
 * each; *found is how many.
 */
enum err event_find_behind(struct store *store, int *found) MUST_CHECK;

/* The number of a topic's newest event of a kind on an entity; ERR_NOT_FOUND when there is none. */
struct event_trace {
    const char *topic, *entity_id, *kind;
    int64_t rev; /* the entity's revision in that event; below 0: any */
};
enum err event_find_last(struct store *store, const struct event_trace *what,
                         int64_t *seq) MUST_CHECK;

/*
 * Where a user's membership began, for each of the named project topics: calls each with topic and
 * seq of the newest `member.added` for the user, or of `project.created`.  Topics for which the log
 * holds neither are left out.
 */
struct event_memberships {
    const char *const *topics;
    int count;
    const char *user_id;
};
enum err event_find_beginnings(struct store *store, const struct event_memberships *what,
                               event_each each, void *arg) MUST_CHECK;

/*
 * The newest number of every topic that a change began to write at or after an instant of the
 * database server's clock (which sets it, by $currentDate).
 */
enum err event_find_touched(struct store *store, int64_t at, event_each each, void *arg) MUST_CHECK;

#endif
