/*
 * The log of events, which changes write (common/change/change.h): reading it, and erasing content
 * from it.
 */
#ifndef COMMON_CHANGE_EVENT_LOG_H
#define COMMON_CHANGE_EVENT_LOG_H

#include <bson/bson.h>
#include <stdint.h>

#include "common/change/event.h"
#include "common/store/store.h"

struct change;

/* The number of a topic's newest event; ERR_NOT_FOUND when there is no such topic. */
enum err event_log_head(struct store *store, const char *topic, int64_t *seq) MUST_CHECK;

/* One stored event. */
struct event_item {
    int64_t seq;
    int64_t counter; /* only from event_find_heads(): how many tasks the topic ever had */
    int64_t rev;
    const char *topic, *kind, *entity_id, *frame;
    const char *actor_id; /* NULL: the system */
    size_t len;
    bson_oid_t counted[EVENT_COUNTED]; /* other entities whose counters have changed */
    int counted_count;
};
typedef enum err (*event_each)(void *arg, const struct event_item *item);

/* Calls each with the event that a stored document holds. */
enum err event_log_item(const bson_t *doc, event_each each, void *arg) MUST_CHECK;

/*
 * The events of a topic after a number, in order, at most limit (majority read).  There are fewer
 * if the log was trimmed in between, and none only at its end.
 */
struct event_after {
    const char *topic;
    int64_t after;
    int limit;
};
enum err event_log_read(struct store *store, const struct event_after *what, event_each each,
                        void *arg) MUST_CHECK;

/* The events that match; fields excluded by the options are 0 or empty. */
enum err event_log_find(struct store *store, const bson_t *filter, const bson_t *opts,
                        event_each each, void *arg) MUST_CHECK;

/*
 * The events of one entity within a topic before a number, newest first, at most limit. also: an
 * array of at most 100 ids of other entities whose events are among them; NULL: none.
 */
struct event_history {
    const char *topic;
    const bson_oid_t *entity;
    int64_t before;
    int limit;
    const bson_t *also;
};
enum err event_log_entity(struct store *store, const struct event_history *what, event_each each,
                          void *arg) MUST_CHECK;

/*
 * Erases the content of an entity's events in a topic, or (NULL) in every topic that it was ever
 * in: called within a change, for the events before it.  Numbers, cursors and kinds stay.
 */
enum err event_log_forget(struct change *change, const char *topic,
                          const bson_oid_t *entity) MUST_CHECK;

#endif
