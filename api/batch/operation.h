/*
 * One operation of a batch: a request of its own, with the caller of the batch.
 */
#ifndef API_BATCH_OPERATION_H
#define API_BATCH_OPERATION_H

#include <bson/bson.h>
#include <stdint.h>

#include "api/http/request.h"

#define OPERATION_PATH 300 /* characters of a path */
#define OPERATION_REF  40  /* and of a ref */

struct json_object;
struct operations;

struct operation {
    const struct operations *all;
    int index; /* among them */

    /* As sent; NULL if absent. */
    const char *method, *path, *if_match, *key, *ref;
    int64_t base; /* baseRev; 0: none */
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

struct operations {
    struct request *r;   /* the batch */
    struct arena *arena; /* for the operations' requests */
    struct operation *items;
    int count;
};

/*
 * Checks what can be known before any of them runs, and fills in route, refers and record_key.
 * Complains in the batch's request.
 */
void operation_check(const struct operations *all, struct operation *op);

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

/* Appends {"status", "location", "body"}; without: leaves the body out. */
void operation_write(struct operation *op, bool without, struct text *out);

#endif
