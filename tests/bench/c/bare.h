/*
 * The state of a thread of the bare loop, and the operations that it can do.
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <mongoc/mongoc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "latency.h"

enum { TOPICS, PROJECTS, TASKS, EVENTS, COLLECTIONS };

/* A project's topic: its name, and its number as this process saw it last (-1: not yet). */
struct topic {
    char name[40];
    bson_oid_t project;
    int64_t seq;
};

struct id {
    bson_oid_t task;
    struct topic *topic;
};

struct loop {
    pthread_t thread;
    mongoc_client_t *client;
    mongoc_collection_t *c[COLLECTIONS];
    mongoc_client_session_t *session;
    bson_t in_session;
    const struct id *ids;
    size_t count, at;
    unsigned random;
    uint64_t done, retries, failed, seen;
    uint64_t warm; /* done before the time counts */
    uint64_t more; /* changes of an operation beyond the first */
    struct latency latency;
};

struct bare {
    mongoc_client_pool_t *pool;
    mongoc_transaction_opt_t *transaction;
    const char *database;
    bool (*operation)(struct loop *);
    struct id *ids;
    size_t id_count;
    struct topic *topics;
    size_t topic_count;
    bson_oid_t user;
    bson_t task; /* what create copies */
    char *frame; /* as long as an event's own text */
    uint64_t until;
    bool queue;
    pthread_mutex_t writing;
    pthread_barrier_t warm, started; /* all threads, and the one that measures */
};
extern struct bare bare;

/* Finds an operation by name; NULL: there is none. */
bool (*bare_operation(const char *name))(struct loop *);

/* Finds one document, copies it to out unless that is NULL; destroys the filter. */
bool bare_find(struct loop *l, int collection, bson_t *filter, bool in_transaction, bson_t *out);

/* Shared by the operations: the next task, the update of a task, an event. */
const struct id *bare_next_id(struct loop *l);
bson_t *bare_changed(struct loop *l, const bson_t *task);
bson_t *bare_event(const struct id *id, int64_t seq, const char *kind, const bson_oid_t *entity);

/* One attempt at eight changes, within a transaction. */
bool bare_patch_group(struct loop *l, const struct id *id);

#endif
