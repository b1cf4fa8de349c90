/*
 * References are resolved when the operation runs, since the ids that they stand for are made by
 * operations before it, perhaps in the same transaction.
 */
#include "api/batch/operation.h"

#include <json-c/json.h>
#include <string.h>

#include "api/access/entity_project.h"
#include "api/crud/resource.h"
#include "api/http/idempotency.h"
#include "api/http/reply.h"
#include "api/http/router.h"
#include "api/server/gate.h"
#include "common/base/must.h"
#include "common/text/json.h"

#define PATH_CHARACTERS  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~$/"
#define QUERY_CHARACTERS PATH_CHARACTERS "=&%+,:"
#define REF_CHARACTERS   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

static const char *
pointer(const struct operation *op, const char *member)
{
    return arena_printf(op->all->r->arena, "/ops/%d/%s", op->index, member);
}

/* The operation before this one that has the ref; NULL: there is none. */
static const struct operation *
find_ref(const struct operation *op, const char *ref, size_t len)
{
    for (int i = 0; i < op->index; i++) {
        const char *name = op->all->items[i].ref;

        if (name != NULL && strlen(name) == len && memcmp(name, ref, len) == 0)
            return &op->all->items[i];
    }
    return NULL;
}

/* Goes through the references of an operation: complains about unknown ones, or resolves them. */
struct walk {
    struct operation *op;
    bool resolve;
    enum err err; /* ERR_DEPENDENCY: the operation referred to made nothing */
};

/* The id that a reference stands for; NULL if it is none, or when only checking. */
static const char *
visit(struct walk *w, const char *text, size_t len, const char *where)
{
    const struct operation *to;

    if (len == 0 || text[0] != '$')
        return NULL;
    w->op->refers = true;
    to = find_ref(w->op, text + 1, len - 1);
    if (!w->resolve && to == NULL)
        request_complain(w->op->all->r, where, "not-found",
                         "must refer to an operation before this one");
    if (!w->resolve || to == NULL)
        return NULL;
    if (to->err == ERR_NONE && to->made[0] != '\0')
        return to->made;
    w->err = ERR_DEPENDENCY;
    return NULL;
}

static struct json_object *
visit_json(struct walk *w, struct json_object *json, const char *where)
{
    const char *id = NULL;

    if (json_object_is_type(json, json_type_string))
        id =
            visit(w, json_object_get_string(json), (size_t)json_object_get_string_len(json), where);
    return id == NULL ? NULL : json_object_new_string(id);
}

static void walk_members(struct walk *w, struct json_object *json, const struct field *fields,
                         const char *where);

static void
walk_items(struct walk *w, struct json_object *list, const struct field *f, const char *where)
{
    if (!json_object_is_type(list, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *item = json_object_array_get_idx(list, i), *id;
        const char *at = arena_printf(w->op->all->r->arena, "%s/%zu", where, i);

        if (f->kind == OBJECTS)
            walk_members(w, item, f->items, at);
        else if ((id = visit_json(w, item, at)) != NULL)
            json_object_array_put_idx(list, i, id);
    }
}

/* Only values of fields that hold ids can be references: a title may begin with "$". */
static void
walk_members(struct walk *w, struct json_object *json, const struct field *fields,
             const char *where)
{
    if (!json_object_is_type(json, json_type_object))
        return;
    for (const struct field *f = fields; f->name != NULL; f++) {
        struct json_object *value, *id;
        const char *at;

        if (!json_object_object_get_ex(json, f->name, &value))
            continue;
        at = arena_printf(w->op->all->r->arena, "%s/%s", where, f->name);
        if (f->kind == REFS || f->kind == SLUGS || f->kind == OBJECTS)
            walk_items(w, value, f, at);
        else if (f->kind == NESTED)
            walk_members(w, value, f->items, at);
        else if ((f->kind == REF || f->kind == SLUG) && (id = visit_json(w, value, at)) != NULL)
            json_object_object_add(json, f->name, id);
    }
}

/*
 * Appends a part of the path in which ids are between these marks, with its references resolved:
 * the segments of a path, or the names and values of a query.
 */
static void
walk_parts(struct walk *w, const char *p, const char *marks, struct text *out)
{
    while (p != NULL && *p != '\0') {
        size_t len = strcspn(p, marks);
        const char *id = visit(w, p, len, pointer(w->op, "path"));

        if (id != NULL)
            text_puts(out, id);
        else
            text_add(out, p, len);
        p += len;
        if (*p != '\0')
            text_putc(out, *p++);
    }
}

static void
check_refs(struct operation *op)
{
    struct walk w = {op, false, ERR_NONE};
    struct text unused = {0};

    walk_parts(&w, op->path, "/", &unused);
    walk_parts(&w, op->query, "=&", &unused);
    text_free(&unused);
    if (op->route != NULL && op->route->body != NULL)
        walk_members(&w, op->body, op->route->body->fields, pointer(op, "body"));
}

/* Those of accounts, and those that read or may take long, have a request of their own. */
static bool
may_be_operation(const struct route *route)
{
    return route->who == USER &&
           (route->flags & (PERSON | UPLOAD | READS | COSTLY | STEP_UP | ENDS | ALONE)) == 0;
}

/* Divides what was sent as the path into the path and the query. */
static void
take_query(struct operation *op)
{
    size_t len = strcspn(op->path, "?");

    op->query = op->path[len] == '?' ? op->path + len + 1 : NULL;
    op->path = arena_copy(op->all->r->arena, op->path, len);
}

static void
check_path(struct operation *op)
{
    struct request *r = op->all->r;
    struct request look = {.arena = r->arena, .method_name = op->method};

    take_query(op);
    look.path = op->path;
    if (strncmp(op->path, "/v1/", 4) != 0 ||
        strspn(op->path, PATH_CHARACTERS) != strlen(op->path) || strstr(op->path, "//") != NULL ||
        (op->query != NULL && strspn(op->query, QUERY_CHARACTERS) != strlen(op->query))) {
        request_complain(
            r, pointer(op, "path"), "format",
            "must be a path that begins with /v1/, without escapes, and perhaps a query");
        return;
    }
    if (router_find(&look) != ERR_NONE)
        return; /* 404 or 405, as for a request of its own */
    op->route = look.route;
    if (!may_be_operation(op->route))
        request_complain(r, pointer(op, "path"), "choice", "cannot be part of a batch");
}

static void
check_ref(struct operation *op)
{
    struct request *r = op->all->r;

    if (op->ref == NULL)
        return;
    if (strspn(op->ref, REF_CHARACTERS) != strlen(op->ref))
        request_complain(r, pointer(op, "ref"), "format",
                         "must be made of letters, digits, - and _");
    else if (find_ref(op, op->ref, strlen(op->ref)) != NULL)
        request_complain(r, pointer(op, "ref"), "duplicate", "is given more than once");
    else if (op->route != NULL && (op->route->flags & CREATED) == 0)
        request_complain(r, pointer(op, "ref"), "exclusive",
                         "is only for operations that create something");
}

/* The operation's own key, or one made of the batch's key and the operation's index. */
static void
check_key(struct operation *op)
{
    struct request *r = op->all->r;
    struct request named = *r;

    named.idempotency_key = op->key;
    if (op->key == NULL && r->idempotency_key == NULL)
        return;
    if (op->key == NULL)
        named.idempotency_key = arena_printf(r->arena, "%s/%d", r->idempotency_key, op->index);
    for (const char *p = named.idempotency_key; *p != '\0'; p++) {
        if (*p < 0x20 || *p > 0x7E) {
            request_complain(r, pointer(op, "key"), "format", "must be printable ASCII");
            return;
        }
    }
    gate_key(&named);
    op->record_key = named.key;
    for (int i = 0; i < op->index; i++) {
        const char *other = op->all->items[i].record_key;

        if (other != NULL && strcmp(other, op->record_key) == 0)
            request_complain(r, pointer(op, "key"), "duplicate", "is given more than once");
    }
}

void
operation_check(struct operation *op)
{
    if (op->if_match != NULL && op->base != 0)
        request_complain(op->all->r, pointer(op, "baseRev"), "exclusive",
                         "cannot be combined with ifMatch");
    check_path(op);
    check_ref(op);
    check_refs(op);
    check_key(op);
}

/* The first {name} of the path as an id; false if it is none. */
static bool
first_id(const struct operation *op, bson_oid_t *id)
{
    struct request look = {.arena = op->all->r->arena, .method_name = op->method, .path = op->path};

    return op->route != NULL && router_find(&look) == ERR_NONE &&
           request_id_arg(&look, 0, id) == ERR_NONE;
}

const bson_oid_t *
operation_entity(const struct operation *op, bson_oid_t *id)
{
    bool has = op->route != NULL && op->route->on != NULL && !op->route->on->is_project;

    return has && first_id(op, id) ? id : NULL;
}

/* A new entity's project: the body names it, or it is the Inbox. */
static bool
body_project(const struct operation *op, bson_oid_t *project)
{
    struct json_object *value;
    const char *text;

    *project = op->all->r->user_id;
    if (!json_object_is_type(op->body, json_type_object) ||
        !json_object_object_get_ex(op->body, "projectId", &value))
        return true;
    text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
    if (strlen(text) != ID_DIGITS || !bson_oid_is_valid(text, ID_DIGITS))
        return false;
    bson_oid_init_from_string(project, text);
    return true;
}

bool
operation_project(const struct operation *op, bson_oid_t *project)
{
    bson_oid_t id;

    if (op->route == NULL || op->route->on == NULL)
        return false;
    if (op->route->on->is_project)
        return first_id(op, project);
    if (strchr(op->route->path, '{') == NULL)
        return body_project(op, project);
    if (op->placed)
        *project = op->project;
    return op->placed ||
           (first_id(op, &id) && entity_project_get(&op->all->r->user_id, &id, project));
}

static void
put_json(void *json)
{
    json_object_put(json);
}

/* Starts a request like the one that the client could have sent by itself. */
static void
start(struct operation *op)
{
    const struct request *r = op->all->r;
    struct text body = op->r.reply.body;

    text_clear(&body);
    op->r = (struct request){
        .method_name = op->method,
        .address = r->address,
        .id = r->id,
        .content_type = r->content_type,
        .authorization = r->authorization,
        .if_match = op->if_match,
        .user_agent = r->user_agent,
        .origin = r->origin,
        .fetch_site = r->fetch_site,
        .body = "",
        .user_id = r->user_id,
        .session_id = r->session_id,
        .limited = r->limited,
        .scope = r->scope,
        .by_api_token = r->by_api_token,
        .bound = r->bound,
        .began = r->began,
        .json = op->body,
        .key = op->record_key,
        .arena = op->all->arena,
        .store = r->store,
        .bus = r->bus,
        .epoch = r->epoch,
        .config = r->config,
        .revocation = r->revocation,
        .throttle = r->throttle,
        .reply.body = body,
    };
    memcpy(op->r.user, r->user, sizeof(op->r.user));
    memcpy(op->r.session, r->session, sizeof(op->r.session));
    memcpy(op->r.bound_token, r->bound_token, sizeof(op->r.bound_token));
    op->r.operation = op;
    operation_tell_nobody(op);
    op->r.idempotency_key = op->key != NULL || r->idempotency_key == NULL
                                ? op->key
                                : arena_printf(op->r.arena, "%s/%d", r->idempotency_key, op->index);
    if (op->base != 0)
        op->r.base_rev = arena_printf(op->r.arena, "%lld", (long long)op->base);
}

/* A part of the path with its references resolved. */
static const char *
resolve_parts(struct walk *w, const char *part, const char *marks)
{
    struct text out = {0};
    const char *resolved;

    if (part == NULL)
        return NULL;
    walk_parts(w, part, marks, &out);
    resolved = arena_dup(w->op->r.arena, out.bytes == NULL ? "" : out.bytes);
    text_free(&out);
    return resolved;
}

/* Sets path, query and body, with their references resolved. */
static enum err
resolve(struct operation *op)
{
    struct walk w = {op, true, ERR_NONE};
    size_t len = 0;

    op->r.path = resolve_parts(&w, op->path, "/");
    op->r.query = resolve_parts(&w, op->query, "=&");
    if (op->refers && op->body != NULL && op->route != NULL && op->route->body != NULL) {
        op->r.json = NULL;
        if (json_object_deep_copy(op->body, &op->r.json, NULL) != 0)
            return ERR_INTERNAL;
        arena_defer(op->r.arena, put_json, op->r.json);
        walk_members(&w, op->r.json, op->route->body->fields, "");
    }
    if (op->r.json != NULL) {
        op->r.body = json_object_to_json_string_length(op->r.json, JSON_C_TO_STRING_PLAIN, &len);
        op->r.body_len = len;
    }
    return w.err;
}

static enum err
execute(struct operation *op)
{
    enum err err = resolve(op);

    if (err == ERR_NONE)
        err = gate_check_op(&op->r);
    if (err == ERR_NONE && op->record != NULL)
        return idempotency_reply(&op->r, op->record);
    return err == ERR_NONE ? op->r.route->handler(&op->r) : err;
}

/* The last part of Location. */
static void
note_made(struct operation *op)
{
    const char *location = op->r.reply.location, *id;

    op->made[0] = '\0';
    if (op->err != ERR_NONE || location == NULL)
        return;
    id = strrchr(location, '/');
    bson_strncpy(op->made, id == NULL ? location : id + 1, sizeof(op->made));
}

enum err
operation_run(struct change *change, void *arg)
{
    struct operation *op = arg;

    start(op);
    op->r.step = change;
    op->err = execute(op);
    op->r.step = NULL;
    arena_charge(op->r.arena, op->r.reply.body.len);
    note_made(op);
    if (op->err != ERR_NONE)
        operation_tell_nobody(op);
    return op->err;
}

enum err
operation_settle(struct operation *op, enum err err)
{
    if (op->r.arena == NULL) /* the time of the request was up before it could run (again) */
        start(op);
    op->err = err == ERR_NONE ? ERR_NONE : gate_answer_of_twin(&op->r, err);
    note_made(op);
    return op->err;
}

bool
operation_may_tell(struct operation *op, const bson_oid_t *user)
{
    struct operations *all = op == NULL ? NULL : op->all;
    int by;

    if (all == NULL || all->tell_once == NULL)
        return true;
    by = all->before + op->index;
    for (size_t i = 0; i < all->told_count; i++)
        if (bson_oid_equal(&all->told[i].user, user))
            return all->told[i].by == by;
    if (all->told_count == all->told_size) {
        all->told_size = all->told_size == 0 ? 16 : 2 * all->told_size;
        all->told = must_resize(all->told, all->told_size * sizeof(*all->told));
    }
    all->told[all->told_count++] = (struct operation_told){*user, by};
    return true;
}

const char *
operation_tell_once(const struct operation *op)
{
    return op == NULL ? NULL : op->all->tell_once;
}

void
operation_tell_nobody(struct operation *op)
{
    struct operations *all = op->all;
    size_t kept = 0;

    for (size_t i = 0; i < all->told_count; i++)
        if (all->told[i].by != all->before + op->index)
            all->told[kept++] = all->told[i];
    all->told_count = kept;
}

void
operation_write(struct operation *op, bool without, struct text *out)
{
    const struct reply *reply = &op->r.reply;
    const char *location;

    if (op->err != ERR_NONE)
        reply_problem(&op->r, op->err);
    location = reply->location;
    text_printf(out, "{\"status\":%d,\"location\":", reply->status);
    if (location == NULL)
        text_puts(out, "null");
    else
        json_string(out, location, strlen(location));
    text_puts(out, ",\"body\":");
    if (without || reply->body.len == 0)
        text_puts(out, "null");
    else
        text_add(out, reply->body.bytes, reply->body.len);
    text_putc(out, '}');
}
