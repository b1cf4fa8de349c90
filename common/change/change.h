/*
 * The only way to change what clients can see: one transaction that takes the topics' next numbers,
 * changes entities, appends to the log and stores the idempotency record.  After the commit the
 * events are published.
 */
#ifndef COMMON_CHANGE_CHANGE_H
#define COMMON_CHANGE_CHANGE_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/change/event.h"
#include "common/store/store.h"

struct bus;

#define EVENT_LOG_COUNTER "tasks" /* in a topic's document: how many tasks the project ever had */
#define EVENT_LOG_BYTES   "bytes" /* and how many bytes changes ever added */
#define EVENT_LOG_FILES   "files" /* and how many bytes its attachments have now */
#define EVENT_LOG_GONE    "gone"  /* and whether it goes with its last event */
#define CHANGE_TOPICS     8       /* topics that one plan can name */

struct change;

/*
 * What a change does inside its transaction: it reads, checks, writes through store_*(), and calls
 * change_event().  It may be run again from the start after a conflict, so it must not keep
 * anything from an earlier run.  Any error but ERR_RETRY undoes the change, and change_run()
 * returns it.  A run without any event gives back its numbers and changes nothing.
 */
typedef enum err (*change_fn)(struct change *change, void *arg);

struct change_plan {
    const char *topics[CHANGE_TOPICS]; /* locked and numbered before fn runs */
    int topic_count;
    const char *last_topic; /* locked as well, but numbered when it is used; NULL: none */
    bool counter;           /* the counter of one planned topic is incremented */
    int counter_topic;
    int64_t bytes;           /* added to the sum that each planned topic keeps */
    const char *actor_id;    /* 24 hex digits; NULL: the system */
    const char *idempotency; /* the record's _id; NULL: none */
    /* Fills in the idempotency record once fn has succeeded; NULL: it has no content. */
    void (*record)(bson_t *record, void *record_arg);
    void *record_arg;
    change_fn fn;
    void *arg;
    /*
     * It may share a transaction with other changes: it plans one topic, may run on any thread and
     * store, does not rewrite the log, and asks change_unsent() too when it reads the log.
     */
    bool batched;
    /*
     * A document that fn reads, so that a batch reads all of them at once. seen: the caller's
     * recent copy; a change that has used it and writes nothing runs once more without it.
     */
    const bson_oid_t *read_id; /* NULL: none */
    enum store_name reads;
    const bson_t *seen; /* NULL: not known */
    /* Called once what fn read and wrote is committed; NULL: not needed. */
    void (*committed)(void *arg);
};

/*
 * Runs a plan: waits until no other thread or process of this host is changing its topics, retries
 * transient conflicts until the store's deadline (10 s if it has none), commits with majority, and
 * publishes (bus NULL: followers find the events in the log).  A batched plan that has to wait may
 * be run by another thread, in one transaction with others (change_run.c).  ERR_BUSY when the time
 * for waiting or retrying ran out; ERR_STORE when the database is unreachable (the change may have
 * been committed: repeating it with the same key shows which); ERR_CONFLICT when a unique index,
 * possibly the idempotency key's, already has the value.
 */
enum err change_run(struct store *store, struct bus *bus, const char *epoch,
                    const struct change_plan *plan) MUST_CHECK;

/*
 * Several changes of one caller, in order, in as few transactions as possible: each step's fn runs
 * within the transaction, and may state what it changes with change_adopt().  Each step succeeds or
 * fails by itself, and its result is in err; one that fails after it wrote runs again.
 */
struct change_step {
    change_fn fn;
    void *arg;
    const bson_oid_t *read_id; /* as in struct change_plan */
    enum store_name reads;
    enum err err;
};
#define CHANGE_STEPS 100 /* of one set */
struct change_set {
    struct change_step *steps;
    int count;                         /* at most CHANGE_STEPS */
    const char *topics[CHANGE_TOPICS]; /* that will probably change: their locks are taken */
    int topic_count;
    void (*settled)(void *arg, int first, int count); /* these steps have their results */
    void *arg;
    bool atomic; /* one transaction for all steps, and nothing if one fails */
    int failed;  /* of an atomic set: the step that failed; -1: none, or all of them */
};

/*
 * Runs a set.  The result of a set that is not atomic is in its steps.  Of an atomic one it is
 * that of the step that failed; or, with failed -1, that of the transaction (ERR_CONFLICT: one of
 * the idempotency keys is already used, or a unique index has one of the values).
 */
enum err change_run_set(struct store *store, struct bus *bus, const char *epoch,
                        struct change_set *set) MUST_CHECK;

/*
 * Within a step: runs a plan as its change.  The numbers of the plan's topics are taken now, and
 * its record is stored with the others.  plan->arg and the other pointers must live until the set
 * is done; the plan itself need not.  Another plan may be adopted if one has failed.
 */
enum err change_adopt(struct change *change, const struct change_plan *plan) MUST_CHECK;

/*
 * The transaction's store, the only one that fn may use.  And the time of this change (ms since
 * 1970).
 */
struct store *change_store(struct change *change);
int64_t change_now(const struct change *change);

/*
 * A result that all runs of this change share, for work that is done outside the transaction and
 * must not be repeated by the next run. change_recall() returns false if nothing was remembered
 * under that name.
 */
void change_remember(struct change *change, const char *name, bool finding);
bool change_recall(const struct change *change, const char *name, bool *finding);

/* The newest number taken for a planned topic in this change. */
int64_t change_seq(const struct change *change, int topic);

/* The index of a topic in this change; -1: it is neither planned nor joined. */
int change_topic(const struct change *change, const char *name);

/*
 * The project of a planned topic has not changed since this number, so what was read then is still
 * valid.  INT64_MAX: unknown, it must be read.
 */
int64_t change_unchanged(const struct change *change, int topic);

/*
 * The number as of which this change reads a planned topic's entities: the one before its own,
 * which may still go to another change. -1: it has already changed some of them.
 */
int64_t change_as_of(const struct change *change, int topic);

/* How many bytes changes ever added to a planned topic, including this one. */
int64_t change_bytes(const struct change *change, int topic);

/* Adds to them what a planned topic's project gets beyond the plan's bytes. */
void change_add_bytes(struct change *change, int topic, int64_t bytes);

/* The value of the plan's counter after this change (the task's number). */
int64_t change_counter(const struct change *change);

/*
 * Takes the next value of a planned topic's counter, for a change whose plan could not know that it
 * needs one; like the number, it counts only if the change has an event.
 */
int64_t change_count(struct change *change, int topic);

/*
 * Creates a topic that does not exist yet, with its first number for this change; *topic is its
 * index for change_event().
 */
enum err change_new_topic(struct change *change, const char *name, int *topic) MUST_CHECK;

/* Adds an existing topic that the plan could not name; it is numbered at its first event. */
enum err change_join_topic(struct change *change, const char *name, int *topic) MUST_CHECK;

/*
 * Takes the next number of a topic for an entry that is not in the log of events; the caller must
 * store an entry under it.
 */
enum err change_number(struct change *change, int topic, int64_t *seq) MUST_CHECK;

/*
 * Calls each with the documents of the events of an entity that earlier changes of the same
 * transaction have made in a topic, newest first.  They are not in the log yet.
 */
enum err change_unsent(const struct change *change, const char *topic, const bson_oid_t *entity,
                       store_each each, void *arg) MUST_CHECK;

/* Erases the content of such events of an entity; topic NULL: in every topic. */
void change_forget_unsent(struct change *change, const char *topic, const bson_oid_t *entity);

/* Appends an event to the log of a topic; fills topic, seq, at and actor_id. */
enum err change_event(struct change *change, int topic, struct event *event) MUST_CHECK;

#endif
