/*
 * The operations of a batch are the steps of one set of changes.  Each is checked and run within
 * the transaction, so it sees what those before it did.
 */
#include "api/batch/batch.h"

#include <json-c/json.h>
#include <string.h>

#include "api/access/read_access.h"
#include "api/batch/operation.h"
#include "api/crud/resource.h"
#include "api/http/doc_read.h"
#include "api/http/reply.h"
#include "api/http/router.h"
#include "api/schema/doc.h"
#include "common/config.h"

#define RESULTS_MAX 8388608 /* bytes of all results; after them bodies are left out */
#define TRIES       3 /* of an atomic batch whose keys another request uses at the same time */
#define REV_MAX     999999999999999L /* as Base-Rev */

static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE", NULL};

/* clang-format off */
static const struct field op_fields[] = {
    {"method",  CHOICE,  MUST_SET,           .choices = methods},
    {"path",    TEXT,    MUST_SET,           1, OPERATION_PATH, .about = "a segment $a is the id that the operation with ref a created"},
    {"body",    ANY,     MAY_SET | NULLABLE, .about = "the JSON body; $a as an id is the id that the operation with ref a created"},
    {"ifMatch", TEXT,    MAY_SET | NULLABLE, 1, 200, .about = "as If-Match"},
    {"baseRev", INTEGER, MAY_SET | NULLABLE, 1, REV_MAX, .about = "as Base-Rev"},
    {"key",     TEXT,    MAY_SET | NULLABLE, 1, 255, .about = "as Idempotency-Key; by default the key of the batch, a slash and the index"},
    {"ref",     TEXT,    MAY_SET | NULLABLE, 1, OPERATION_REF, .about = "a name for what this operation creates"},
    {NULL},
};
static const struct field batch_fields[] = {
    {"atomic", FLAG,    MAY_SET,  .fallback = "false", .about = "all operations take effect, or none"},
    {"ops",    OBJECTS, MUST_SET, 1, CHANGE_STEPS, .items = op_fields},
    {NULL},
};
static const struct field result_fields[] = {
    {"status",   INTEGER},
    {"location", TEXT, NULLABLE},
    {"body",     ANY,  .about = "null: there is none, or the results before it have 8 MiB"},
    {NULL},
};
static const struct field results_fields[] = {
    {"results", OBJECTS, .items = result_fields},
    {NULL},
};
/* clang-format on */

const struct shape batch_shape = {"Batch", batch_fields};
const struct shape batch_results_shape = {"BatchResults", results_fields};

struct batch_call {
    struct operations all;
    bool atomic;
    struct change_set set;
    struct text *results;
};

static void
free_arena(void *arena)
{
    arena_free(arena);
}

static void
free_bodies(void *arg)
{
    const struct operations *all = arg;

    for (int i = 0; i < all->count; i++)
        text_free(&all->items[i].r.reply.body);
}

static void
read_op(struct batch_call *b, const bson_iter_t *at, struct json_object *json)
{
    struct operations *all = &b->all;
    struct operation *op = &all->items[all->count];
    const uint8_t *bytes;
    uint32_t len;
    bson_t doc;

    bson_iter_document(at, &len, &bytes);
    bson_init_static(&doc, bytes, len);
    *op = (struct operation){.all = all,
                             .index = all->count++,
                             .method = doc_text(&doc, "method"),
                             .path = doc_text(&doc, "path"),
                             .if_match = doc_text(&doc, "ifMatch"),
                             .key = doc_text(&doc, "key"),
                             .ref = doc_text(&doc, "ref"),
                             .base = doc_int(&doc, "baseRev")};
    json_object_object_get_ex(json, "body", &op->body);
    operation_check(all, op);
}

/* Reads and checks the operations. */
static enum err
read_ops(struct batch_call *b, const bson_t *body)
{
    struct request *r = b->all.r;
    struct json_object *list;
    bson_iter_t iter, ops;

    b->atomic = doc_flag(body, "atomic");
    if (!json_object_object_get_ex(r->json, "ops", &list) ||
        !bson_iter_init_find(&iter, body, "ops") || !bson_iter_recurse(&iter, &ops))
        return ERR_INTERNAL; /* doc_read() requires it */
    b->all.items = arena_alloc(r->arena, sizeof(*b->all.items) * CHANGE_STEPS);
    arena_defer(r->arena, free_bodies, &b->all);
    while (bson_iter_next(&ops))
        read_op(b, &ops, json_object_array_get_idx(list, (size_t)b->all.count));
    if (b->all.count == 0)
        request_complain(r, "/ops", "too-short", "must have at least one item");
    return request_validated(r);
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
add_topic(struct batch_call *b, const bson_oid_t *project)
{
    struct request *r = b->all.r;
    struct change_set *set = &b->set;
    const char *topic = request_project_topic(r, project);

    for (int i = 0; i < set->topic_count; i++)
        if (strcmp(set->topics[i], topic) == 0)
            return;
    if (set->topic_count < CHANGE_TOPICS && read_access_known(r, project) == ERR_NONE)
        set->topics[set->topic_count++] = topic;
}

/* The results of some operations, and an end to the memory that their requests used. */
static void
settle(void *arg, int first, int count)
{
    struct batch_call *b = arg;

    for (int i = first; i < first + count; i++) {
        struct operation *op = &b->all.items[i];

        (void)!operation_settle(op, b->set.steps[i].err);
        text_puts(b->results, i > 0 ? "," : "");
        operation_write(op, b->results->len > RESULTS_MAX, b->results);
        text_free(&op->r.reply.body);
    }
    arena_reset(b->all.arena);
}

static enum err
plan(struct batch_call *b)
{
    struct operations *all = &b->all;
    struct change_step *steps = arena_alloc(all->r->arena, sizeof(*steps) * (size_t)all->count);
    enum err err = find_projects(all, STORE_TASKS);

    if (err == ERR_NONE)
        err = find_projects(all, STORE_COMMENTS);
    b->set = (struct change_set){
        .steps = steps, .count = all->count, .settled = settle, .arg = b, .atomic = b->atomic};
    for (int i = 0; i < all->count; i++) {
        struct operation *op = &all->items[i];
        bson_oid_t *id = arena_alloc(all->r->arena, sizeof(*id)), project;

        steps[i] = (struct change_step){
            .fn = operation_run, .arg = op, .read_id = operation_entity(op, id)};
        if (steps[i].read_id != NULL)
            steps[i].reads = op->route->on->store;
        if (operation_project(op, &project))
            add_topic(b, &project);
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
has_twin(struct batch_call *b, enum err err)
{
    struct operation *op = b->set.failed >= 0 ? &b->all.items[b->set.failed] : NULL;

    if (op == NULL)
        return err == ERR_CONFLICT;
    return op->record == NULL && op->record_key != NULL && operation_settle(op, err) == ERR_NONE;
}

/* Runs the operations; an atomic batch again if some of them took effect by another request. */
static enum err
run(struct batch_call *b)
{
    struct request *r = b->all.r;
    const struct arena *limit = store_limit_of(r->store);
    enum err err = ERR_NONE;

    for (int tries = 0; tries < TRIES; tries++) {
        if ((err = find_records(&b->all)) != ERR_NONE)
            return err;
        store_limit(r->store, b->all.arena);
        err = change_run_set(r->store, r->bus, r->epoch, &b->set);
        store_limit(r->store, limit);
        if (err == ERR_NONE || !has_twin(b, err))
            break;
    }
    if (err != ERR_NONE && b->set.failed >= 0) {
        b->all.items[b->set.failed].err = err;
        return fail_as(r, &b->all.items[b->set.failed]);
    }
    return err;
}

enum err
batch_execute(struct request *r)
{
    struct batch_call *b = arena_alloc(r->arena, sizeof(*b));
    bson_t *body = request_keep(r, bson_new());
    struct text results = {0};
    enum err err = doc_read(r, DOC_CREATE, batch_fields, r->json, body);

    b->all.r = r;
    b->results = &results;
    if (err != ERR_NONE || (err = read_ops(b, body)) != ERR_NONE)
        return err;
    b->all.arena = arena_new((size_t)r->config->api_request_bytes);
    arena_defer(r->arena, free_arena, b->all.arena); /* a problem may refer to its memory */
    if ((err = plan(b)) == ERR_NONE)
        err = run(b);
    if (err == ERR_NONE) {
        struct text *out = reply_json(r, 200);

        text_puts(out, "{\"results\":[");
        text_add(out, results.bytes, results.len);
        text_puts(out, "]}");
    }
    text_free(&results);
    return err;
}
