/*
 * The operations of one caller are the steps of one set of changes.  Each is checked and run within
 * the transaction, so it sees what those before it did.
 */
#include "api/batch/operations.h"

#include <stdlib.h>
#include <string.h>

#include "api/access/read_access.h"
#include "api/crud/resource.h"
#include "api/http/router.h"
#include "api/schema/doc.h"
#include "common/config.h"

#define TRIES 3 /* of an atomic batch whose keys another request uses at the same time */

static void
free_arena(void *arena)
{
    arena_free(arena);
}

static void
free_all(void *arg)
{
    struct operations *all = arg;

    for (int i = 0; i < all->count; i++)
        text_free(&all->items[i].r.reply.body);
    free(all->told);
}

static enum err
note_record(void *arg, const bson_t *doc)
{
    const struct operations *all = arg;
    const char *id = doc_text(doc, "_id");

    for (int i = 0; i < all->count; i++)
        if (all->items[i].record_key != NULL && strcmp(all->items[i].record_key, id) == 0)
            all->items[i].record = request_keep(all->r, bson_copy(doc));
    return ERR_NONE;
}

/* The records of operations that have taken effect before. */
static enum err
find_records(struct operations *all)
{
    const char *keys[CHANGE_STEPS] = {NULL};
    bson_t filter = BSON_INITIALIZER;
    uint32_t count = 0;
    enum err err = ERR_NONE;

    for (int i = 0; i < all->count; i++)
        if (all->items[i].record_key != NULL)
            keys[count++] = all->items[i].record_key;
    doc_in_texts(&filter, "_id", keys, count);
    if (count > 0)
        err = store_find(all->r->store, &(struct store_query){STORE_IDEMPOTENCY, &filter, NULL},
                         note_record, all);
    bson_destroy(&filter);
    return err;
}

static enum err
note_project(void *arg, const bson_t *doc)
{
    const struct operations *all = arg;
    bson_oid_t id;

    for (int i = 0; i < all->count; i++) {
        struct operation *op = &all->items[i];

        if (operation_entity(op, &id) == NULL || !bson_oid_equal(&id, doc_id(doc, "_id")))
            continue;
        op->placed = true;
        op->project = *doc_id(doc, "projectId");
    }
    return ERR_NONE;
}

/*
 * Finds the projects of entities whose project is not known.  Only for the locks: whether the
 * caller may know them is checked when the operations run.
 */
static enum err
find_projects(struct operations *all, enum store_name name)
{
    bson_oid_t ids[CHANGE_STEPS], project;
    bson_t filter = BSON_INITIALIZER;
    bson_t *opts =
        request_keep(all->r, BCON_NEW("projection", "{", "projectId", BCON_BOOL(true), "}"));
    uint32_t count = 0;
    enum err err = ERR_NONE;

    for (int i = 0; i < all->count; i++) {
        const struct operation *op = &all->items[i];

        if (operation_entity(op, &ids[count]) != NULL && op->route->on->store == name &&
            !operation_project(op, &project))
            count++;
    }
    doc_in_ids(&filter, "_id", ids, count);
    if (count > 0)
        err = store_find(all->r->store, &(struct store_query){name, &filter, opts}, note_project,
                         all);
    bson_destroy(&filter);
    return err;
}

/* Only those who may know a project can take its topic's lock. */
static void
add_topic(struct operations *all, const bson_oid_t *project)
{
    struct change_set *set = &all->set;
    const char *topic = request_project_topic(all->r, project);

    for (int i = 0; i < set->topic_count; i++)
        if (strcmp(set->topics[i], topic) == 0)
            return;
    if (set->topic_count < CHANGE_TOPICS && read_access_known(all->r, project) == ERR_NONE)
        set->topics[set->topic_count++] = topic;
}

/* Reports the results of some operations, and frees the memory that their requests used. */
static void
settle(void *arg, int first, int count)
{
    struct operations *all = arg;

    for (int i = first; i < first + count; i++) {
        struct operation *op = &all->items[i];

        if (operation_settle(op, all->set.steps[i].err) != ERR_NONE)
            operation_tell_nobody(op);
        all->settled(op);
        text_free(&op->r.reply.body);
    }
    arena_reset(all->arena);
    for (int i = first + count; i < all->count; i++)
        all->items[i].r.arena = NULL; /* what is left of a run before was in that memory */
}

static enum err
plan(struct operations *all)
{
    struct change_step *steps = arena_alloc(all->r->arena, sizeof(*steps) * (size_t)all->count);
    enum err err = find_projects(all, STORE_TASKS);

    if (err == ERR_NONE)
        err = find_projects(all, STORE_COMMENTS);
    all->set = (struct change_set){
        .steps = steps, .count = all->count, .settled = settle, .arg = all, .atomic = all->atomic};
    for (int i = 0; i < all->count; i++) {
        struct operation *op = &all->items[i];
        bson_oid_t *id = arena_alloc(all->r->arena, sizeof(*id)), project;

        steps[i] = (struct change_step){
            .fn = operation_run, .arg = op, .read_id = operation_entity(op, id)};
        if (steps[i].read_id != NULL)
            steps[i].reads = op->route->on->store;
        if (operation_project(op, &project))
            add_topic(all, &project);
    }
    return err;
}

/* The failure of one operation is the reply to the batch. */
static enum err
fail_as(struct request *r, const struct operation *op)
{
    const struct request *from = &op->r;

    r->failed_op = op->index + 1;
    r->detail = from->detail;
    r->parameter = from->parameter;
    r->complaints = from->complaints;
    r->complaint_count = from->complaint_count;
    r->current = from->current;
    r->conflicts = from->conflicts;
    memcpy(r->changed_by, from->changed_by, sizeof(r->changed_by));
    r->reply.retry_after = from->reply.retry_after;
    r->reply.limit = from->reply.limit;
    r->reply.remaining = from->reply.remaining;
    r->reply.reset = from->reply.reset;
    r->reply.rates = from->reply.rates;
    r->reply.policies = from->reply.policies;
    r->reply.allow = from->reply.allow;
    return op->err;
}

/* May another request with one of the keys have been first?  Then its record is there now. */
static bool
has_twin(struct operations *all, enum err err)
{
    struct operation *op = all->set.failed >= 0 ? &all->items[all->set.failed] : NULL;

    if (op == NULL)
        return err == ERR_CONFLICT;
    return op->record == NULL && op->record_key != NULL && operation_settle(op, err) == ERR_NONE;
}

void
operations_start(struct operations *all, struct request *r)
{
    all->r = r;
    all->items = arena_alloc(r->arena, sizeof(*all->items) * CHANGE_STEPS);
    all->arena = arena_new((size_t)r->config->api_request_bytes);
    arena_defer(r->arena, free_arena, all->arena); /* a problem may refer to its memory */
    arena_defer(r->arena, free_all, all);
}

void
operations_clear(struct operations *all)
{
    all->before += all->count;
    all->count = 0;
}

enum err
operations_run(struct operations *all)
{
    struct request *r = all->r;
    const struct arena *limit = store_limit_of(r->store);
    enum err err = plan(all);

    for (int tries = 0; tries < TRIES && err == ERR_NONE; tries++) {
        if ((err = find_records(all)) != ERR_NONE)
            return err;
        store_limit(r->store, all->arena);
        err = change_run_set(r->store, r->bus, r->epoch, &all->set);
        store_limit(r->store, limit);
        if (err == ERR_NONE || !has_twin(all, err))
            break;
        err = ERR_NONE;
    }
    if (err != ERR_NONE && all->set.failed >= 0) {
        all->items[all->set.failed].err = err;
        return fail_as(r, &all->items[all->set.failed]);
    }
    return err;
}
