/*
 * Reads the operations of a batch, and writes their results.
 */
#include "api/batch/batch.h"

#include <json-c/json.h>
#include <string.h>

#include "api/batch/operations.h"
#include "api/crud/resource.h"
#include "api/http/doc_read.h"
#include "api/http/reply.h"
#include "api/http/router.h"
#include "api/schema/doc.h"

#define RESULTS_MAX 8388608 /* bytes of all results; after them bodies are left out */
#define TRIES       3 /* of an atomic batch whose keys another request uses at the same time */
#define REV_MAX     999999999999999L /* as Base-Rev */

static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE", NULL};

/* clang-format off */
static const struct field op_fields[] = {
    {"method",  CHOICE,  MUST_SET,           .choices = methods},
    {"path",    TEXT,    MUST_SET,           1, OPERATION_PATH, .about = "with a query, if the route has parameters; a segment or a value $a is the id that the operation with ref a created"},
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

static void
read_op(struct operations *all, const bson_iter_t *at, struct json_object *json)
{
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
    operation_check(op);
}

/* Reads and checks the operations. */
static enum err
read_ops(struct operations *all, const bson_t *body)
{
    struct request *r = all->r;
    struct json_object *list;
    bson_iter_t iter, ops;

    all->atomic = doc_flag(body, "atomic");
    if (!json_object_object_get_ex(r->json, "ops", &list) ||
        !bson_iter_init_find(&iter, body, "ops") || !bson_iter_recurse(&iter, &ops))
        return ERR_INTERNAL; /* doc_read() requires it */
    while (bson_iter_next(&ops))
        read_op(all, &ops, json_object_array_get_idx(list, (size_t)all->count));
    if (all->count == 0)
        request_complain(r, "/ops", "too-short", "must have at least one item");
    return request_validated(r);
}

static void
add_result(struct operation *op)
{
    struct text *out = op->all->arg;

    text_puts(out, op->index > 0 ? "," : "");
    operation_write(op, out->len > RESULTS_MAX, out);
}

enum err
batch_read(struct request *r, struct operations *all)
{
    bson_t *body = request_keep(r, bson_new());
    enum err err = doc_read(r, DOC_CREATE, batch_fields, r->json, body);

    if (err != ERR_NONE)
        return err;
    operations_start(all, r);
    return read_ops(all, body);
}

enum err
batch_execute(struct request *r)
{
    struct operations *all = arena_alloc(r->arena, sizeof(*all));
    struct text results = {0};
    enum err err = batch_read(r, all);

    if (err != ERR_NONE)
        return err;
    all->settled = add_result;
    all->arg = &results;
    err = operations_run(all);
    if (err == ERR_NONE) {
        struct text *out = reply_json(r, 200);

        text_puts(out, "{\"results\":[");
        text_add(out, results.bytes, results.len);
        text_puts(out, "]}");
    }
    text_free(&results);
    return err;
}
