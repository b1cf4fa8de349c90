/*
 * Each change is an ordinary operation with a key of its own.  The entities that match are recorded
 * before the first one, so a request that is repeated with its key changes the same ones.
 */
#include "api/batch/bulk.h"

#include <json-c/json.h>
#include <string.h>

#include "api/batch/operations.h"
#include "api/crud/page.h"
#include "api/crud/query.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/idempotency.h"
#include "api/http/reply.h"
#include "api/http/router.h"
#include "api/schema/doc.h"
#include "api/server/gate.h"
#include "common/text/json.h"

#define BULK_MAX 1000 /* entities of one request */

/* clang-format off */
static const struct field bulk_fields[] = {
    {"ids",    REFS,    MAY_SET | NULLABLE, 1, BULK_MAX},
    {"where",  ANY,     MAY_SET | NULLABLE, .about = "the parameters of the list, without limit and cursor"},
    {"change", ANY,     MAY_SET | NULLABLE, .about = "the body of PATCH"},
    {"move",   ANY,     MAY_SET | NULLABLE, .about = "or the body of a move"},
    {"limit",  INTEGER, MAY_SET,            1, BULK_MAX, .fallback = "1000", .about = "at most this many are changed"},
    {"dryRun", FLAG,    MAY_SET,            .fallback = "false", .about = "only count"},
    {NULL},
};
static const struct field failed_fields[] = {
    {"id",     REF},
    {"status", INTEGER},
    {"type",   TEXT, .about = "as in the problem of the change"},
    {"detail", TEXT},
    {NULL},
};
static const struct field lost_fields[] = {
    {"id",      REF},
    {"dropped", ANY, .about = "as in the reply to the move"},
    {NULL},
};
static const struct field result_fields[] = {
    {"matched", INTEGER},
    {"changed", INTEGER, .about = "those whose change succeeded"},
    {"failed",  OBJECTS, .items = failed_fields},
    {"dropped", OBJECTS, VIRTUAL, .items = lost_fields, .about = "those that have lost something by a move to another project"},
    {NULL},
};
/* clang-format on */

const struct shape bulk_shape = {"Bulk", bulk_fields};
const struct shape bulk_result_shape = {"BulkResult", result_fields};

struct bulk {
    struct operations all; /* first, so that it leads back here */
    bson_oid_t ids[BULK_MAX];
    int count, limit;
    struct json_object *where, *body;
    const char *method, *after; /* of the changes: what follows the id in their path */
    int changed;
    struct text failed, dropped;
    bool unfinished; /* one of them may succeed when it is tried again */
};

static void
free_failed(void *arg)
{
    struct bulk *b = arg;

    text_free(&b->failed);
    text_free(&b->dropped);
}

/* Exactly one of two members must be given; returns the index of that one, -1 if none or both. */
static int
one_of(struct request *r, const char *const names[2], struct json_object *const values[2])
{
    if (values[0] == NULL && values[1] == NULL)
        request_complain(r, arena_printf(r->arena, "/%s", names[1]), "required",
                         "is required, or %s", names[0]);
    else if (values[0] != NULL && values[1] != NULL)
        request_complain(r, arena_printf(r->arena, "/%s", names[1]), "exclusive",
                         "cannot be combined with %s", names[0]);
    else
        return values[0] != NULL ? 0 : 1;
    return -1;
}

/* Checks the change as far as that does not depend on the entity. */
static void
check_body(struct bulk *b, const char *name)
{
    struct request *r = b->all.r;
    struct request look = {.arena = r->arena, .method_name = b->method};
    bson_t *unused = request_keep(r, bson_new());

    look.path = arena_printf(r->arena, "%s%024d%s", r->route->on->path, 0, b->after);
    if (!json_object_is_type(b->body, json_type_object) || router_find(&look) != ERR_NONE) {
        request_complain(r, arena_printf(r->arena, "/%s", name), "type", "must be an object");
        return;
    }
    if (doc_read(&look, look.method == PATCH ? DOC_CHANGE : DOC_CREATE, look.route->body->fields,
                 b->body, unused) == ERR_NONE)
        return;
    for (const struct complaint *c = look.complaints; c != NULL; c = c->next)
        request_complain(r, arena_printf(r->arena, "/%s%s", name, c->pointer), c->code, "%s",
                         c->detail);
}

static struct json_object *
member(struct request *r, const char *name)
{
    struct json_object *value = NULL;

    json_object_object_get_ex(r->json, name, &value);
    return value;
}

static enum err
read_body(struct bulk *b, const bson_t *body)
{
    static const char *const which[] = {"ids", "where"}, *const what[] = {"change", "move"};
    struct request *r = b->all.r;
    struct json_object *const sources[] = {member(r, which[0]), member(r, which[1])},
                              *const bodies[] = {member(r, what[0]), member(r, what[1])};
    int source = one_of(r, which, sources), kind = one_of(r, what, bodies);

    b->limit = (int)doc_int(body, "limit");
    if (source == 1)
        b->where = sources[1];
    if (source == 1 && (!json_object_is_type(b->where, json_type_object) ||
                        json_object_object_length(b->where) == 0))
        request_complain(r, "/where", "required", "must be an object with at least one condition");
    else if (source == 0 && json_object_array_length(sources[0]) == 0)
        request_complain(r, "/ids", "too-short", "must have at least one item");
    if (kind >= 0) {
        b->method = kind == 0 ? "PATCH" : "POST";
        b->after = kind == 0 ? "" : "/move";
        b->body = bodies[kind];
        check_body(b, what[kind]);
    }
    return request_validated(r);
}

static void
add_id(struct bulk *b, const bson_oid_t *id)
{
    if (b->count < b->limit)
        b->ids[b->count++] = *id;
}

/* The list's request. */
struct look {
    struct request r; /* first: an item's writer gets only this */
    struct bulk *bulk;
    const char *cursor;
};

static void
note_item(struct request *r, struct text *out, const bson_t *doc)
{
    struct look *look = (struct look *)(void *)r;

    text_puts(out, "0");
    add_id(look->bulk, doc_id(doc, "_id"));
}

static void
add_param(struct look *look, const char *name, const char *value)
{
    struct request *r = &look->r;

    r->params[r->param_count].name = name;
    r->params[r->param_count].used = false;
    r->params[r->param_count++].value = value;
}

/* A condition as the list's parameter. */
static void
take_condition(struct look *look, const char *name, struct json_object *value)
{
    struct request *r = look->bulk->all.r;
    const char *pointer = arena_printf(r->arena, "/where/%.64s", name);

    if (strcmp(name, "limit") == 0 || strcmp(name, "cursor") == 0 ||
        look->r.param_count == REQUEST_PARAMS_MAX - 2)
        request_complain(r, pointer, "unknown", "is unknown");
    else if (json_object_is_type(value, json_type_string) ||
             json_object_is_type(value, json_type_boolean) ||
             json_object_is_type(value, json_type_int))
        add_param(look, name, arena_dup(r->arena, json_object_get_string(value)));
    else
        request_complain(r, pointer, "type", "must be a string, a number, true or false");
}

static void
free_body(void *arg)
{
    struct look *look = arg;

    text_free(&look->r.reply.body);
}

static void
start_look(struct look *look, struct bulk *b)
{
    const struct request *r = b->all.r;

    look->bulk = b;
    look->r = (struct request){.method_name = "GET",
                               .arena = r->arena,
                               .store = r->store,
                               .epoch = r->epoch,
                               .config = r->config,
                               .user_id = r->user_id,
                               .bound = r->bound,
                               .began = r->began};
    memcpy(look->r.user, r->user, sizeof(look->r.user));
    look->r.path = arena_copy(r->arena, r->route->on->path, strlen(r->route->on->path) - 1);
    arena_defer(r->arena, free_body, look);
    json_object_object_foreach(b->where, name, value)
    {
        take_condition(look, name, value);
    }
}

/* One page of the list; look->cursor is then that of the next one, NULL at the end. */
static enum err
find_page(struct look *look)
{
    bson_t base = BSON_INITIALIZER;
    char cursor[2048];
    int conditions = look->r.param_count;
    enum err err;

    for (int i = 0; i < conditions; i++)
        look->r.params[i].used = false;
    look->r.due = NULL;
    add_param(look, "limit", arena_printf(look->r.arena, "%d", QUERY_LIMIT_MAX));
    if (look->cursor != NULL)
        add_param(look, "cursor", look->cursor);
    err = page_reply(&look->r, &base, note_item);
    look->r.param_count = conditions;
    bson_destroy(&base);
    look->cursor = NULL;
    if (err == ERR_NONE && json_member(look->r.reply.body.bytes, look->r.reply.body.len,
                                       "nextCursor", cursor, sizeof(cursor)))
        look->cursor = arena_dup(look->r.arena, cursor);
    return err;
}

/* The entities that the list has now. */
static enum err
find_matching(struct bulk *b)
{
    struct look *look = arena_alloc(b->all.r->arena, sizeof(*look));
    struct request *r = b->all.r;
    enum err err;

    start_look(look, b);
    if ((err = request_validated(r)) != ERR_NONE || (err = router_find(&look->r)) != ERR_NONE)
        return err;
    do
        err = find_page(look);
    while (err == ERR_NONE && look->cursor != NULL && b->count < b->limit);
    if (err == ERR_BAD_PARAMETER) {
        request_complain(
            r,
            arena_printf(r->arena, "/where/%s", look->r.parameter == NULL ? "" : look->r.parameter),
            "format", "%s", look->r.detail == NULL ? "is invalid" : look->r.detail);
        return ERR_INVALID;
    }
    return err;
}

static void
take_ids(struct bulk *b, const bson_t *doc)
{
    bson_iter_t iter, ids;

    if (bson_iter_init_find(&iter, doc, "ids") && bson_iter_recurse(&iter, &ids))
        while (bson_iter_next(&ids))
            add_id(b, bson_iter_oid(&ids));
}

/* A plan that changes nothing: its record is all. */
static enum err
do_nothing(struct change *change, void *arg)
{
    (void)change;
    (void)arg;
    return ERR_NONE;
}

static void
write_matching(bson_t *record, void *arg)
{
    const struct bulk *b = arg;
    bson_t list;
    struct doc_array array = {&list, 0};

    BSON_APPEND_UTF8(record, "digest", b->all.r->digest);
    BSON_APPEND_INT32(record, "status", 102);
    BSON_APPEND_ARRAY_BEGIN(record, "ids", &list);
    for (int i = 0; i < b->count; i++)
        doc_array_add_id(&array, &b->ids[i]);
    bson_append_array_end(record, &list);
}

/* What the first request with this key has found; *known: it is there. */
static enum err
read_matching(struct bulk *b, const char *key, bool *known)
{
    struct request *r = b->all.r;
    bson_t *filter = request_keep(r, BCON_NEW("_id", BCON_UTF8(key))), *record;
    enum err err = store_get_newest(r->store, STORE_IDEMPOTENCY, filter, &record);

    *known = err == ERR_NONE;
    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    request_keep(r, record);
    if (!idempotency_is(r, record))
        return ERR_KEY_REUSED;
    b->count = 0;
    take_ids(b, record);
    return ERR_NONE;
}

/* Finds the entities; those of the first request with the same key. */
static enum err
match(struct bulk *b, bool record)
{
    struct request *r = b->all.r, named = *r;
    struct change_plan plan = {.fn = do_nothing, .record = write_matching, .record_arg = b};
    bool known = false;
    enum err err = ERR_NONE;

    if (record && r->key != NULL) {
        named.idempotency_key = arena_printf(r->arena, "%s/matched", r->idempotency_key);
        gate_key(&named);
        plan.idempotency = named.key;
        err = read_matching(b, named.key, &known);
    }
    if (err == ERR_NONE && !known)
        err = find_matching(b);
    if (err != ERR_NONE || known || plan.idempotency == NULL)
        return err;
    err = change_run(r->store, r->bus, r->epoch, &plan);
    return err == ERR_CONFLICT ? read_matching(b, named.key, &known) : err;
}

static void
note_result(struct operation *op)
{
    struct bulk *b = (struct bulk *)(void *)op->all;
    const struct problem *p = &problems[op->err];
    const char *detail = op->r.detail != NULL ? op->r.detail : p->title;
    char id[ID_TEXT];

    bson_oid_to_string(&b->ids[b->all.before + op->index], id);
    if (op->err == ERR_NONE) {
        b->changed++;
        if (op->r.dropped != NULL)
            text_printf(&b->dropped, "%s{\"id\":\"%s\",\"dropped\":%s}",
                        b->dropped.len > 0 ? "," : "", id, op->r.dropped);
        return;
    }
    b->unfinished = b->unfinished || p->status >= 500;
    text_printf(&b->failed, "%s{\"id\":\"%s\",\"status\":%d,\"type\":\"/problems/%s\",\"detail\":",
                b->failed.len > 0 ? "," : "", id, p->status, p->slug);
    json_string(&b->failed, detail, strlen(detail));
    text_putc(&b->failed, '}');
}

/* The next changes, as many as a set may have. */
static enum err
change_some(struct bulk *b)
{
    struct operations *all = &b->all;
    struct request *r = all->r;
    char id[ID_TEXT];

    operations_clear(all);
    while (all->count < CHANGE_STEPS && all->before + all->count < b->count) {
        struct operation *op = &all->items[all->count];

        bson_oid_to_string(&b->ids[all->before + all->count], id);
        *op = (struct operation){.all = all, .index = all->count++, .method = b->method};
        op->path = arena_printf(r->arena, "%s%s%s", r->route->on->path, id, b->after);
        op->body = b->body;
        if (r->key != NULL)
            op->key = arena_printf(r->arena, "%s/%s", r->idempotency_key, id);
        operation_check(op);
    }
    return operations_run(all);
}

static enum err
reply(struct bulk *b)
{
    struct text *out = reply_json(b->all.r, 200);

    text_printf(out, "{\"matched\":%d,\"changed\":%d,\"failed\":[", b->count, b->changed);
    text_add(out, b->failed.bytes == NULL ? "" : b->failed.bytes, b->failed.len);
    text_puts(out, "]");
    if (b->dropped.len > 0)
        text_printf(out, ",\"dropped\":[%s]", b->dropped.bytes);
    text_puts(out, "}");
    return ERR_NONE;
}

/* A name of the request: its key's, or one that no other has. */
static const char *
name_of(const struct request *r)
{
    bson_oid_t id;
    char hex[ID_TEXT];

    if (r->key != NULL)
        return r->key;
    bson_oid_init(&id, NULL);
    bson_oid_to_string(&id, hex);
    return arena_dup(r->arena, hex);
}

enum err
bulk_execute(struct request *r)
{
    struct bulk *b = arena_alloc(r->arena, sizeof(*b));
    struct change_plan record = {.fn = do_nothing};
    bson_t *body = request_keep(r, bson_new());
    bool dry;
    enum err err = doc_read(r, DOC_CREATE, bulk_fields, r->json, body);

    if (err != ERR_NONE)
        return err;
    operations_start(&b->all, r);
    arena_defer(r->arena, free_failed, b);
    b->all.settled = note_result;
    b->all.tell_once = name_of(r);
    dry = doc_flag(body, "dryRun");
    if ((err = read_body(b, body)) != ERR_NONE)
        return err;
    if (b->where == NULL)
        take_ids(b, body);
    else if ((err = match(b, !dry)) != ERR_NONE)
        return err;
    for (int done = 0; !dry && err == ERR_NONE && done < b->count; done += CHANGE_STEPS)
        err = change_some(b);
    if (err == ERR_NONE)
        err = reply(b);
    if (err == ERR_NONE && !dry && !b->unfinished)
        err = request_change(r, &record);
    return err;
}
