/*
 * Reads and changes one item of a list.  Each change computes the whole list anew from the current
 * version, so that it conflicts with nothing but changes of the same item.
 */
#include "api/crud/items.h"

#include <string.h>

#include "api/access/project_access.h"
#include "api/access/read_access.h"
#include "api/crud/crud.h"
#include "api/crud/entity.h"
#include "api/http/doc_read.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/http/router.h"
#include "api/schema/doc.h"
#include "api/schema/item_list.h"
#include "common/base/id.h"
#include "common/text/json.h"

/* clang-format off */
static const struct field move_fields[] = {ITEM_PLACE_FIELDS, {NULL}};
/* clang-format on */
const struct shape item_move_shape = {"ItemMove", move_fields};

/* A change of one item. */
struct item_edit {
    const struct field *field;
    const char *key;    /* the item's; NULL: none yet */
    const bson_t *body; /* with the item's members, and its place; NULL: none */
    bson_t *item;       /* {"0": the new item} */
};

static const struct field *
list_field(const struct request *r)
{
    return doc_field(r->route->on->shape->fields, r->route->items);
}

/* One name of the path; an id in lower case, as it is stored. */
static const char *
path_name(struct request *r, int n)
{
    bson_oid_t id;
    char hex[ID_TEXT];

    if (request_id_arg(r, n, &id) != ERR_NONE)
        return r->args[n];
    bson_oid_to_string(&id, hex);
    return arena_dup(r->arena, hex);
}

/* The key in the path: what follows the entity's id, "blocks/0123..." for a relation. */
static const char *
path_key(struct request *r)
{
    const char *key = path_name(r, 1);

    for (int n = 2; n < REQUEST_ARGS && r->args[n] != NULL; n++)
        key = arena_printf(r->arena, "%s/%s", key, path_name(r, n));
    return key;
}

/* Does the list keep objects of its own, which exist only there? */
static bool
has_objects(const struct field *f)
{
    return f->kind == OBJECTS && strcmp(f->key, "id") == 0;
}

/* Reads a list of the entity.  ERR_CONFLICT if ids are given twice, which only old data can have.
 */
static enum err
read_list(struct request *r, const struct field *f, const bson_t *doc, struct item_list **out)
{
    bson_iter_t iter;
    bool found = doc_find(doc, f->name, &iter), whole;

    *out = arena_alloc(r->arena, sizeof(**out));
    whole = item_list_read(*out, f, found ? &iter : NULL);
    arena_defer(r->arena, item_list_free, *out);
    return whole ? ERR_NONE
                 : request_fail(r, ERR_CONFLICT,
                                "the list has two items with the same id; change "
                                "it as a whole first");
}

/* Adds the path of an item, or of one of its members, to the names of what is changed. */
static void
add_name(struct request *r, const struct item_edit *e, const char *member, struct crud_change *out)
{
    const char *path = arena_printf(r->arena, "%s/%s", e->field->name, e->key);

    field_names_add(&out->names,
                    member == NULL ? path : arena_printf(r->arena, "%s/%s", path, member));
}

/* Where an item without its own index `skip` goes: before or after another, or to the end. */
static enum err
find_place(struct request *r, const struct item_edit *e, const struct item_list *list, int skip,
           int *at)
{
    const char *before = doc_text(e->body, "before"), *after = doc_text(e->body, "after");
    const char *other = before != NULL ? before : after;
    int n = other == NULL ? -1 : item_list_find(list, other);

    *at = list->count - (skip >= 0);
    if (other == NULL)
        return ERR_NONE;
    if (n < 0 || n == skip) {
        request_complain(r, before != NULL ? "/before" : "/after", "not-found",
                         "must be another item of the list");
        return ERR_INVALID;
    }
    *at = n - (skip >= 0 && n > skip) + (before == NULL);
    return ERR_NONE;
}

/* Writes the list with the new item at a place. */
static enum err
insert(struct request *r, const struct item_edit *e, const struct item_list *list, int at,
       struct crud_change *out)
{
    struct item_list_edit edit = {.skip = -1, .at = at};
    bson_iter_t item;

    if (list->count >= e->field->high) {
        request_complain(r, arena_printf(r->arena, "/%s", e->field->name), "too-long",
                         "must have at most %ld items", e->field->high);
        return ERR_INVALID;
    }
    if (!doc_find(e->item, "0", &item))
        return ERR_INTERNAL;
    edit.item = &item;
    item_list_write(list, &edit, out->set);
    add_name(r, e, NULL, out);
    return ERR_NONE;
}

static enum err
put_item(struct request *r, void *arg, const bson_t *before, struct crud_change *out)
{
    const struct item_edit *e = arg;
    struct item_list *list;
    enum err err = read_list(r, e->field, before, &list);

    if (err != ERR_NONE || item_list_find(list, e->key) >= 0)
        return err;
    return insert(r, e, list, list->count, out);
}

static enum err
add_item(struct request *r, void *arg, const bson_t *before, struct crud_change *out)
{
    const struct item_edit *e = arg;
    struct item_list *list;
    int at;
    enum err err = read_list(r, e->field, before, &list);

    if (err != ERR_NONE)
        return err;
    if (item_list_find(list, e->key) >= 0) {
        request_complain(r, "/id", "duplicate", "is the id of another item of the list");
        return ERR_CONFLICT;
    }
    err = find_place(r, e, list, -1, &at);
    return err == ERR_NONE ? insert(r, e, list, at, out) : err;
}

/* Finds the item in the path. */
static enum err
find_item(struct request *r, const struct item_edit *e, const bson_t *before,
          struct item_list **list, int *n)
{
    enum err err = read_list(r, e->field, before, list);

    if (err != ERR_NONE)
        return err;
    *n = item_list_find(*list, e->key);
    return *n < 0 ? ERR_NOT_FOUND : ERR_NONE;
}

static enum err
remove_item(struct request *r, void *arg, const bson_t *before, struct crud_change *out)
{
    const struct item_edit *e = arg;
    struct item_list *list;
    int n;
    enum err err = find_item(r, e, before, &list, &n);

    if (err != ERR_NONE) /* what is not on the list is off it already */
        return err == ERR_NOT_FOUND && !has_objects(e->field) ? ERR_NONE : err;
    item_list_write(list, &(struct item_list_edit){.skip = n}, out->set);
    out->removed = e->key;
    add_name(r, e, NULL, out);
    return ERR_NONE;
}

static void
add_members(struct request *r, const struct item_edit *e, const bson_t *item,
            struct crud_change *out)
{
    bson_iter_t iter;

    bson_iter_init(&iter, e->body);
    while (bson_iter_next(&iter))
        if (doc_differs(item, e->body, bson_iter_key(&iter)))
            add_name(r, e, bson_iter_key(&iter), out);
}

static enum err
change_item(struct request *r, void *arg, const bson_t *before, struct crud_change *out)
{
    const struct item_edit *e = arg;
    struct item_list_edit edit;
    struct item_list *list;
    bson_t item, *merged, *whole = request_keep(r, bson_new());
    const uint8_t *bytes;
    uint32_t len;
    bson_iter_t iter;
    int n;
    enum err err = find_item(r, e, before, &list, &n);

    if (err != ERR_NONE)
        return err;
    item_list_item(list, n, &iter);
    bson_iter_document(&iter, &len, &bytes);
    if (!bson_init_static(&item, bytes, len))
        return ERR_INTERNAL;
    merged = request_keep(r, doc_merge(&item, e->body));
    BSON_APPEND_DOCUMENT(whole, "0", merged);
    if (!doc_find(whole, "0", &iter))
        return ERR_INTERNAL;
    edit = (struct item_list_edit){.skip = n, .at = n, .item = &iter};
    item_list_write(list, &edit, out->set);
    add_members(r, e, &item, out);
    return ERR_NONE;
}

static enum err
move_item(struct request *r, void *arg, const bson_t *before, struct crud_change *out)
{
    const struct item_edit *e = arg;
    struct item_list_edit edit;
    struct item_list *list;
    bson_iter_t item;
    int n, at;
    enum err err = find_item(r, e, before, &list, &n);

    if (err != ERR_NONE || (err = find_place(r, e, list, n, &at)) != ERR_NONE || at == n)
        return err;
    item_list_item(list, n, &item);
    edit = (struct item_list_edit){.skip = n, .at = at, .item = &item};
    item_list_write(list, &edit, out->set);
    add_name(r, e, "after", out);
    out->moved = e->key;
    return ERR_NONE;
}

/* Runs a change of an item. */
static enum err
edit_item(struct request *r, struct item_edit *e, int status,
          enum err (*find)(struct request *r, void *arg, const bson_t *before,
                           struct crud_change *out))
{
    const struct crud_edit how = {.find = find, .arg = e, .unconditional = true, .status = status};

    return crud_edit(r, &how);
}

/* A body that places an item; both places at once are an error. */
static enum err
read_body(struct request *r, enum doc_mode mode, bson_t *out)
{
    enum err err = doc_read(r, mode, r->route->body->fields, r->json, out);

    if (err != ERR_NONE || !doc_has(out, "before") || !doc_has(out, "after"))
        return err;
    request_complain(r, "/after", "exclusive", "cannot be combined with before");
    return ERR_INVALID;
}

/* The item that the path describes: an id, a short text, or an object of the members of its key. */
static enum err
item_of_path(struct request *r, const struct field *f, const char *key, bson_t *out)
{
    struct text json = {0};
    bson_t *item = request_keep(r, bson_new());
    const char *name = f->key;
    bson_oid_t id;
    enum err err = ERR_NONE;

    if (f->kind == REFS && (err = request_id_arg(r, 1, &id)) == ERR_NONE)
        BSON_APPEND_OID(out, "0", &id);
    else if (f->kind == SLUGS && doc_read_is_slug(key))
        BSON_APPEND_UTF8(out, "0", key);
    else if (f->kind != OBJECTS)
        err = ERR_NOT_FOUND;
    if (f->kind != OBJECTS)
        return err;
    for (int n = 1; n < REQUEST_ARGS && r->args[n] != NULL; n++) {
        text_printf(&json, "%s\"%.*s\":", n == 1 ? "{" : ",", (int)strcspn(name, "/"), name);
        json_string(&json, r->args[n], strlen(r->args[n]));
        name += strcspn(name, "/") + 1;
    }
    text_putc(&json, '}');
    err = doc_read_text(r, f->items, json.bytes, item);
    text_free(&json);
    request_clear_complaints(r); /* about a path, not about a body */
    BSON_APPEND_DOCUMENT(out, "0", item);
    return err == ERR_INVALID ? ERR_NOT_FOUND : err;
}

enum err
items_put(struct request *r)
{
    struct item_edit e = {.field = list_field(r), .key = path_key(r)};
    enum err err;

    e.item = request_keep(r, bson_new());
    err = item_of_path(r, e.field, e.key, e.item);
    return err == ERR_NONE ? edit_item(r, &e, 200, put_item) : err;
}

enum err
items_add(struct request *r)
{
    struct item_edit e = {.field = list_field(r)};
    const struct shape *shape = r->route->body;
    bson_t *body = request_keep(r, bson_new()), *id = request_keep(r, bson_new());
    bson_oid_t made;
    char hex[ID_TEXT];
    enum err err = read_body(r, DOC_CREATE, body);

    if (err != ERR_NONE)
        return err;
    bson_oid_init(&made, NULL);
    bson_oid_to_string(&made, hex);
    BSON_APPEND_UTF8(id, "id", doc_has(body, "id") ? doc_text(body, "id") : hex);
    e.key = doc_text(id, "id");
    e.body = body;
    e.item = request_keep(r, bson_new());
    body = request_keep(r, doc_merge(body, id));
    BSON_APPEND_DOCUMENT(e.item, "0", entity_without_virtual(r, shape, body));
    r->reply.location = arena_printf(r->arena, "%s/%s", r->path, e.key);
    return edit_item(r, &e, 201, add_item);
}

enum err
items_change(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    struct item_edit e = {.field = list_field(r), .key = path_key(r), .body = body};
    enum err err = doc_read(r, DOC_CHANGE, r->route->body->fields, r->json, body);

    return err == ERR_NONE ? edit_item(r, &e, 200, change_item) : err;
}

enum err
items_remove(struct request *r)
{
    struct item_edit e = {.field = list_field(r), .key = path_key(r)};
    enum err err = ERR_NONE;

    if (!has_objects(e.field)) /* what no list can have is not off this one, but is not there */
        err = item_of_path(r, e.field, e.key, request_keep(r, bson_new()));
    return err == ERR_NONE ? edit_item(r, &e, 204, remove_item) : err;
}

enum err
items_move(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    struct item_edit e = {.field = list_field(r), .key = path_key(r), .body = body};
    enum err err = read_body(r, DOC_CREATE, body);

    return err == ERR_NONE ? edit_item(r, &e, 200, move_item) : err;
}

/* The list of the entity in the path, if the caller may read it. */
static enum err
read_for_reply(struct request *r, const bson_t **doc, struct item_list **list)
{
    const struct resource *res = r->route->on;
    bson_oid_t id;
    enum err err;

    if ((err = request_id_arg(r, 0, &id)) != ERR_NONE || (err = request_params_done(r)) != ERR_NONE)
        return err;
    err = res->is_project ? project_access_living(r, &id, ACTION_READ, doc)
                          : read_access_get(r, res->store, &id, doc);
    return err == ERR_NONE ? read_list(r, list_field(r), *doc, list) : err;
}

enum err
items_list(struct request *r)
{
    const bson_t *doc;
    struct item_list *list;
    struct text *out;
    bson_iter_t item;
    enum err err = read_for_reply(r, &doc, &list);

    if (err != ERR_NONE)
        return err;
    out = reply_json(r, 200);
    text_puts(out, "{\"items\":[");
    for (int i = 0; i < list->count; i++) {
        text_puts(out, i > 0 ? "," : "");
        item_list_item(list, i, &item);
        doc_write_item(out, list->field, &item);
    }
    text_puts(out, "],\"nextCursor\":null}");
    reply_etag(r, doc);
    return ERR_NONE;
}

enum err
items_read(struct request *r)
{
    const bson_t *doc;
    struct item_list *list;
    bson_iter_t item;
    int n;
    enum err err = read_for_reply(r, &doc, &list);

    if (err != ERR_NONE)
        return err;
    if ((n = item_list_find(list, path_key(r))) < 0)
        return ERR_NOT_FOUND;
    item_list_item(list, n, &item);
    doc_write_item(reply_json(r, 200), list->field, &item);
    reply_etag(r, doc);
    return ERR_NONE;
}

void
items_check_keys(const struct entity_rules *u, const struct field *f)
{
    struct item_list list;
    const char *member = f->key != NULL && strchr(f->key, '/') == NULL ? "/id" : "";
    bson_iter_t iter;

    if ((u->before != NULL && !doc_differs(u->before, u->after, f->name)) ||
        !doc_find(u->after, f->name, &iter))
        return;
    if (!item_list_read(&list, f, &iter))
        for (int i = 0; i < list.count; i++)
            if (item_list_find(&list, item_list_key(&list, i)) < i)
                request_complain(u->r, arena_printf(u->r->arena, "/%s/%d%s", f->name, i, member),
                                 "duplicate", "is given more than once");
    item_list_free(&list);
}
