/*
 * One operation of a batch: a request of its own, with the caller of the batch.
 */
#ifndef API_BATCH_OPERATION_H
#define API_BATCH_OPERATION_H

#include <bson/bson.h>
#include <stdint.h>

#include "api/http/request.h"
#include "common/change/change.h"

#define OPERATION_PATH 300 /* characters of a path */
#define OPERATION_REF  40  /* and of a ref */

struct json_object;
struct operations;

struct operation {
    struct operations *all;
    int index; /* among them */

    /* As sent; NULL if absent. */
    const char *method, *path, *if_match, *key, *ref;
    const char *query; /* of the path, which ends before it */
    int64_t base;      /* baseRev; 0: none */
    struct json_object *body;

    const struct route *route; /* NULL: there is none with this method and path */
    bool placed;               /* the entity's project has been looked up: */
    bson_oid_t project;
    bool refers;            /* to other operations */
    const char *record_key; /* the idempotency record's _id; NULL: none */
    const bson_t *record;   /* which existed before the batch began; NULL: none */

    struct request r;              /* of the last run */
    enum err err;                  /* and its result */
    char made[OPERATION_PATH + 1]; /* the id of what it created; "": nothing */
};

/* A user who was notified by an operation. */
struct operation_told {
    bson_oid_t user;
    int by; /* its number among all operations of the request */
};

struct operations {
    struct request *r;   /* the batch */
    struct arena *arena; /* for the operations' requests */
    struct operation *items;
    int count;
    int before; /* operations of the same request that ran before these */
    bool atomic;
    /* Called with the final result of each, while its reply is in op->r. */
    void (*settled)(struct operation *op);
    void *arg; /* for settled() */
    struct change_set set;

    const char *tell_once; /* a name if at most one of them notifies the same user; else NULL */
    struct operation_told *told;
    size_t told_count, told_size;
};

/*
 * Checks what can be known before any of them runs, and fills in route, refers and record_key.
 * Complains in the batch's request, whose body has the operations in the list /ops.
 */
void operation_check(struct operation *op);

/* The entity that the operation changes, if its path has its id; NULL: not known. */
const bson_oid_t *operation_entity(const struct operation *op, bson_oid_t *id);

/* The project in whose topic its event will probably be; false: not known. */
bool operation_project(const struct operation *op, bson_oid_t *project);

/* Runs the operation; arg is the operation.  Within the step of a set. */
struct change;
enum err operation_run(struct change *change, void *arg);

/*
 * Its final result, given that of its step: it may have failed because of another request with the
 * same key, whose reply it then has.  Not within a transaction.
 */
enum err operation_settle(struct operation *op, enum err err);

/*
 * May the operation notify this user?  Then it has.  Only one may if its operations say so; the
 * request of no operation always may.
 */
bool operation_may_tell(struct operation *op, const bson_oid_t *user);

/*
 * A name that is the same for all operations of a request if only one of them may notify the same
 * user, also when it is repeated with its key.  NULL: each may.
 */
const char *operation_tell_once(const struct operation *op);

/* What it did was undone, and nobody was notified. */
void operation_tell_nobody(struct operation *op);

/* Appends {"status", "location", "body"}; without: leaves the body out. */
void operation_write(struct operation *op, bool without, struct text *out);

#endif
