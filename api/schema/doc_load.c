/*
 * The opposite of doc_write().
 */
#include "api/schema/doc_load.h"

#include <string.h>

#include "api/schema/doc.h"
#include "common/base/id.h"
#include "common/time/clock.h"

static bool load_members(bson_t *out, const struct field *fields, const bson_iter_t *object);

static bool
load_rank(bson_t *out, const char *name, const struct field *f, const char *text)
{
    for (int i = 0; f->choices[i] != NULL; i++)
        if (strcmp(f->choices[i], text) == 0)
            return BSON_APPEND_INT32(out, name, i);
    return false;
}

static bool
load_id(bson_t *out, const char *name, const char *text)
{
    bson_oid_t id;

    if (strlen(text) != ID_DIGITS || !bson_oid_is_valid(text, ID_DIGITS))
        return false;
    bson_oid_init_from_string(&id, text);
    return BSON_APPEND_OID(out, name, &id);
}

static bool
load_instant(bson_t *out, const char *name, const char *text)
{
    int64_t ms;

    return clock_read(text, strlen(text), &ms) && BSON_APPEND_DATE_TIME(out, name, ms);
}

/* A value that is text in JSON. */
static bool
load_text(bson_t *out, const char *name, const struct field *f, const bson_iter_t *value)
{
    const char *text = bson_iter_utf8(value, NULL);

    switch (f->kind) {
    case RANK:
        return load_rank(out, name, f, text);
    case INSTANT:
        return load_instant(out, name, text);
    case REF:
        return load_id(out, name, text);
    case TEXT:
    case CHOICE:
    case DATE:
    case SLUG:
        return BSON_APPEND_UTF8(out, name, text);
    default:
        return false;
    }
}

bool
doc_load_item(bson_t *out, const char *name, const struct field *f, const bson_iter_t *item)
{
    bson_t object;
    bool ok;

    if (f->kind == REFS)
        return BSON_ITER_HOLDS_UTF8(item) && load_id(out, name, bson_iter_utf8(item, NULL));
    if (f->kind == SLUGS)
        return BSON_ITER_HOLDS_UTF8(item) &&
               BSON_APPEND_UTF8(out, name, bson_iter_utf8(item, NULL));
    bson_init(&object);
    ok = f->kind == OBJECTS && load_members(&object, f->items, item) &&
         BSON_APPEND_DOCUMENT(out, name, &object);
    bson_destroy(&object);
    return ok;
}

static bool
load_list(bson_t *out, const char *name, const struct field *f, const bson_iter_t *value)
{
    bson_t list = BSON_INITIALIZER;
    bson_iter_t items;
    bool ok = bson_iter_recurse(value, &items);

    while (ok && bson_iter_next(&items))
        ok = doc_load_item(&list, bson_iter_key(&items), f, &items);
    ok = ok && BSON_APPEND_ARRAY(out, name, &list);
    bson_destroy(&list);
    return ok;
}

static bool
load_object(bson_t *out, const char *name, const struct field *f, const bson_iter_t *value)
{
    bson_t object = BSON_INITIALIZER;
    bool ok = load_members(&object, f->items, value) && BSON_APPEND_DOCUMENT(out, name, &object);

    bson_destroy(&object);
    return ok;
}

bool
doc_load_value(bson_t *out, const char *name, const struct field *f, const bson_iter_t *value)
{
    if (BSON_ITER_HOLDS_NULL(value))
        return BSON_APPEND_NULL(out, name);
    if (BSON_ITER_HOLDS_UTF8(value))
        return load_text(out, name, f, value);
    if (BSON_ITER_HOLDS_ARRAY(value))
        return load_list(out, name, f, value);
    if (BSON_ITER_HOLDS_DOCUMENT(value))
        return f->kind == NESTED && load_object(out, name, f, value);
    if (f->kind == FLAG)
        return BSON_ITER_HOLDS_BOOL(value) && BSON_APPEND_BOOL(out, name, bson_iter_bool(value));
    return f->kind == INTEGER && BSON_ITER_HOLDS_INT(value) &&
           BSON_APPEND_INT64(out, name, bson_iter_as_int64(value));
}

/* The name under which a field is stored. */
static const char *
stored_name(const struct field *f)
{
    return f->kind == REF && strcmp(f->name, "id") == 0 ? "_id" : f->name;
}

static bool
load_fields(bson_t *out, const struct field *fields, bson_iter_t *members)
{
    while (bson_iter_next(members)) {
        const struct field *f = doc_field(fields, bson_iter_key(members));

        if (f == NULL || (f->flags & VIRTUAL))
            continue;
        if (!doc_load_value(out, stored_name(f), f, members))
            return false;
    }
    return true;
}

/* In the order of the fields, and with those that JSON leaves out because they are null. */
static bool
load_members(bson_t *out, const struct field *fields, const bson_iter_t *object)
{
    bson_t loaded = BSON_INITIALIZER;
    bson_iter_t members, member;
    bool ok = BSON_ITER_HOLDS_DOCUMENT(object) && bson_iter_recurse(object, &members) &&
              load_fields(&loaded, fields, &members);

    for (const struct field *f = fields; ok && f->name != NULL; f++)
        if (bson_iter_init_find(&member, &loaded, stored_name(f)))
            bson_append_iter(out, NULL, 0, &member);
        else if (f->flags & OPTIONAL)
            BSON_APPEND_NULL(out, f->name);
    bson_destroy(&loaded);
    return ok;
}

bson_t *
doc_load(const struct shape *shape, const bson_t *public_doc)
{
    bson_t *out = bson_new();
    bson_iter_t members;

    if (bson_iter_init(&members, public_doc) && load_fields(out, shape->fields, &members))
        return out;
    bson_destroy(out);
    return NULL;
}
