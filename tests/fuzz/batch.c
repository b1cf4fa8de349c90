/*
 * Batches: what is taken has operations that the router can look at, each with a path of its own,
 * and references only to operations before it; what is refused says why.
 */
#include "api/batch/batch.h"

#include <json-c/json.h>
#include <string.h>

#include "api/batch/operations.h"
#include "common/config.h"
#include "common/text/json.h"
#include "tests/fuzz/fuzz.h"

#define BYTES_MAX 16384

static void
put_json(void *json)
{
    json_object_put(json);
}

static void
check_refused(const struct request *r)
{
    must(r->complaints != NULL);
    for (const struct complaint *c = r->complaints; c != NULL; c = c->next)
        must(text_utf8(c->pointer, strlen(c->pointer)) && c->code != NULL &&
             text_utf8(c->detail, strlen(c->detail)));
}

static void
check_operation(const struct operation *op)
{
    bson_oid_t id;

    must(op->method != NULL && strncmp(op->path, "/v1/", 4) == 0 && strchr(op->path, '?') == NULL);
    must(op->query == NULL || strpbrk(op->query, "?#\r\n") == NULL);
    must(op->record_key != NULL && strlen(op->record_key) == 64);
    for (int i = 0; i < op->index; i++)
        must(strcmp(op->record_key, op->all->items[i].record_key) != 0);
    (void)operation_entity(op, &id);
    (void)operation_project(op, &id);
}

static void
read_batch(struct request *r)
{
    struct operations *all = arena_alloc(r->arena, sizeof(*all));
    enum err err = batch_read(r, all);

    must(err == ERR_NONE || err == ERR_INVALID);
    if (err == ERR_INVALID) {
        check_refused(r);
        return;
    }
    must(all->count > 0 && all->count <= CHANGE_STEPS);
    for (int i = 0; i < all->count; i++)
        check_operation(&all->items[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config config = {.api_request_bytes = 64L << 20};
    struct request r = {.method_name = "POST",
                        .path = "/v1/batch",
                        .user = "0123456789abcdef01234567",
                        .idempotency_key = "outer",
                        .config = &config};
    const char *why;

    if (size > BYTES_MAX || json_parse((const char *)data, size, &r.json, &why) != ERR_NONE)
        return 0;
    r.arena = arena_new((size_t)64 << 20);
    arena_defer(r.arena, put_json, r.json);
    if (json_object_is_type(r.json, json_type_object))
        read_batch(&r);
    arena_free(r.arena);
    return 0;
}
