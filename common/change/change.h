/*
 * The one way to change anything: a transaction that takes the topics' next
 * numbers, changes entities, appends to the log and keeps the idempotency
 * record; and after it, the publishing.
 */
#ifndef COMMON_CHANGE_CHANGE_H
#define COMMON_CHANGE_CHANGE_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/change/event.h"
#include "common/store/store.h"

struct bus;

#define EVENT_LOG_COUNTER "tasks" /* in a topic's document: the tasks a project ever had */
#define EVENT_LOG_BYTES   "bytes" /* and the bytes that changes ever brought to it */
#define CHANGE_TOPICS     8       /* topics that one change may be told before it starts */

struct change;

/*
 * What a change does, inside its transaction: reads, checks, writes through
 * store_*(), and change_event().  May be run again from the start when a
 * conflict undid it, so it must not keep anything of an earlier run.
 * Any error but ERR_RETRY undoes the change and is change_run()'s answer.
 * A run without any event undoes the numbers it was given: a no-op.
 */
typedef enum err (*change_fn)(struct change *change, void *arg);

struct change_plan {
    const char *topics[CHANGE_TOPICS]; /* to queue for and to number, first */
    int topic_count;
    const char *last_topic; /* queued for as well, but numbered when it is used; NULL: none */
    bool counter;           /* counts up beside the number of one planned topic */
    int counter_topic;
    int64_t bytes;           /* that it brings: added to the sum that each planned topic keeps */
    const char *actor_id;    /* 24 hex digits; NULL: the system */
    const char *idempotency; /* the record's _id; NULL: none */
    /* Makes the idempotency record's content once fn has succeeded; NULL: it has none. */
    void (*record)(bson_t *record, void *record_arg);
    void *record_arg;
    change_fn fn;
    void *arg;
    /*
     * It may share a transaction with others: it plans one topic, does not care whose thread and
     * store it runs on, and neither reads nor rewrites the log.
     */
    bool batched;
    /* A document that fn reads, so that a batch reads all at once.  seen: as it was a moment ago.
     */
    const bson_oid_t *read_id; /* NULL: none */
    enum store_name reads;
    const bson_t *seen; /* NULL: not known */
    /* Called once what fn read and wrote is committed; NULL: nothing waits for it. */
    void (*committed)(void *arg);
};

/*
 * Runs a plan: waits until it is alone with its topics in this process and on this host, retries
 * transient conflicts until the store's deadline (10 s when it has none), commits with majority,
 * publishes (bus NULL: followers find it by the log alone).  A plan that waits and may be batched
 * is perhaps run by another thread, in one transaction with others (change_run.c).  ERR_BUSY when
 * the wait or the retries ran out; ERR_STORE when the database is away (the change may have
 * happened: the key tells); ERR_CONFLICT when a unique index, maybe the idempotency key's, has the
 * place.
 */
enum err change_run(struct store *store, struct bus *bus, const char *epoch,
                    const struct change_plan *plan) MUST_CHECK;

/* The transaction's store: fn uses no other.  And this change's instant (ms). */
struct store *change_store(struct change *change);
int64_t change_now(const struct change *change);

/*
 * A finding that all runs of this change share, for what is done outside the
 * transaction and must not be done again by the next run.  change_recall() is
 * false when there is none of that name.
 */
void change_remember(struct change *change, const char *name, bool finding);
bool change_recall(const struct change *change, const char *name, bool *finding);

/* The newest number taken for a planned topic in this change. */
int64_t change_seq(const struct change *change, int topic);

/* A topic's index in this change by name; -1: it is neither planned nor joined. */
int change_topic(const struct change *change, const char *name);

/*
 * The project of a planned topic is as it was at this number, or after: what
 * was read then still holds.  INT64_MAX: not known, it must be read.
 */
int64_t change_unchanged(const struct change *change, int topic);

/*
 * The number as of which this change reads a planned topic's entities: the one
 * before its own, which may yet go to somebody else.  -1: it has changed some.
 */
int64_t change_as_of(const struct change *change, int topic);

/* The bytes that changes ever brought to a planned topic, this one included. */
int64_t change_bytes(const struct change *change, int topic);

/* The value that the plan's counter has reached with this change (tasks' numbers). */
int64_t change_counter(const struct change *change);

/*
 * Makes a topic that does not exist yet, as this change's; its index for
 * change_event() is *topic.
 */
enum err change_new_topic(struct change *change, const char *name, int *topic) MUST_CHECK;

/* Joins an existing topic that could not be planned; numbered at its first event. */
enum err change_join_topic(struct change *change, const char *name, int *topic) MUST_CHECK;

/*
 * Takes the next number of a topic for what is kept elsewhere than in the log of
 * events: the caller must store something under it.
 */
enum err change_number(struct change *change, int topic, int64_t *seq) MUST_CHECK;

/* Appends an event to the log of a topic; fills topic, seq, at and actor_id. */
enum err change_event(struct change *change, int topic, struct event *event) MUST_CHECK;

#endif
