/*
 * Bodies: whatever is taken for a task's is a document that can be stored, and
 * whose public form is JSON.  The first byte tells whether it is a creation.
 */
#include <json-c/json.h>
#include <string.h>

#include "api/http/doc_read.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/schema/doc_changes.h"
#include "api/v1/handlers.h"
#include "common/text/json.h"
#include "tests/fuzz/fuzz.h"

#define BYTES_MAX 16384

static void
check_public(const bson_t *doc)
{
    struct json_object *json;
    struct text t = {0};
    const char *why;

    doc_write(&t, &task_shape, doc);
    must(json_parse(t.bytes, t.len, &json, &why) == ERR_NONE);
    must(json_object_is_type(json, json_type_object));
    must(json_object_object_length(json) > 10);
    json_object_put(json);
    text_free(&t);
}

static void
check_changes(const bson_t *before, const bson_t *after)
{
    struct json_object *json;
    struct text t = {0};
    const char *why;
    int count = doc_changes(&t, &task_shape, before, after, NULL);

    must(json_parse(t.bytes, t.len, &json, &why) == ERR_NONE);
    must(json_object_object_length(json) == count);
    must(before != after || count == 0);
    json_object_put(json);
    text_free(&t);
}

/* Only names of the shape, each once, and no operators. */
static void
check_stored(const bson_t *doc)
{
    bson_iter_t iter;
    size_t error;

    must(bson_validate(doc, BSON_VALIDATE_UTF8 | BSON_VALIDATE_DOLLAR_KEYS, &error));
    bson_iter_init(&iter, doc);
    while (bson_iter_next(&iter)) {
        const struct field *f = doc_field(task_shape.fields, bson_iter_key(&iter));

        must(f != NULL && (f->flags & (MUST_SET | MAY_SET | MAY_EDIT)) != 0);
        must((f->flags & HIDDEN) == 0);
    }
}

static void
read_body(struct request *r, enum doc_mode mode)
{
    bson_t *doc = request_keep(r, bson_new()), *before = request_keep(r, bson_new());
    enum err err = doc_read(r, mode, task_shape.fields, r->json, doc);
    bson_t *after;

    if (err != ERR_NONE) {
        must((err == ERR_INVALID) == (r->complaints != NULL));
        for (const struct complaint *c = r->complaints; c != NULL; c = c->next)
            must(text_utf8(c->pointer, strlen(c->pointer)) &&
                 text_utf8(c->detail, strlen(c->detail)));
        return;
    }
    check_stored(doc);
    check_public(doc);
    must(doc_read_text(r, task_shape.fields, "{\"title\":\"before\"}", before) == ERR_NONE);
    after = request_keep(r, doc_merge(before, doc));
    check_public(after);
    check_changes(before, after);
    check_changes(after, after);
    check_changes(NULL, after);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request r = {0};
    const char *why;

    if (size < 1 || size > BYTES_MAX)
        return 0;
    r.arena = arena_new((size_t)64 << 20);
    if (json_parse((const char *)data + 1, size - 1, &r.json, &why) == ERR_NONE)
        read_body(&r, data[0] & 1 ? DOC_CHANGE : DOC_CREATE);
    arena_free(r.arena);
    json_object_put(r.json);
    return 0;
}
