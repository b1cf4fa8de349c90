/*
 * Converts a client's JSON to checked BSON.  Unknown, forbidden or ill-typed members are always
 * refused; all complaints are reported, not only the first.
 */
#include "api/http/doc_read.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/base/id.h"
#include "common/text/unicode.h"
#include "common/time/clock.h"

#define SLUG_MAX 40 /* ids of statuses and labels, chosen by clients */

struct reading {
    struct request *r;
    const struct field *field;
    const char *pointer, *name; /* its place in the body; the key under which it is stored */
    enum doc_mode mode;         /* of the object that has it */
};

/* An object of the body: its allowed members, and its place. */
struct object {
    struct request *r;
    enum doc_mode mode;
    const struct field *fields;
    const char *base; /* JSON Pointer; "": the body itself */
};

static void read_members(const struct object *o, struct json_object *json, bson_t *out);

static void
complain(const struct reading *at, const char *code, const char *detail)
{
    request_complain(at->r, at->pointer, code, "%s", detail);
}

static void
read_text(const struct reading *at, struct json_object *json, bson_t *out)
{
    const struct field *f = at->field;
    const char *bytes;
    size_t len, points;

    if (!json_object_is_type(json, json_type_string)) {
        complain(at, "type", "must be a string");
        return;
    }
    bytes = json_object_get_string(json);
    len = (size_t)json_object_get_string_len(json);
    points = text_points(bytes, len);
    if ((long)points < f->low)
        request_complain(at->r, at->pointer, "too-short",
                         f->low == 1 ? "must not be empty" : "must have at least %ld characters",
                         f->low);
    else if ((long)points > f->high)
        request_complain(at->r, at->pointer, "too-long", "must have at most %ld characters",
                         f->high);
    else if (f->low > 0 && (f->flags & VERBATIM) == 0 && !unicode_visible(bytes, len))
        complain(at, "blank", "must contain a visible character");
    else
        bson_append_utf8(out, at->name, -1, bytes, (int)len);
}

static void
read_choice(const struct reading *at, struct json_object *json, bson_t *out)
{
    const struct field *f = at->field;
    struct text list = {0};

    if (json_object_is_type(json, json_type_string)) {
        const char *value = json_object_get_string(json);

        for (int i = 0; f->choices[i] != NULL; i++) {
            if (strcmp(f->choices[i], value) != 0)
                continue;
            if (f->kind == RANK)
                BSON_APPEND_INT32(out, at->name, i);
            else
                BSON_APPEND_UTF8(out, at->name, value);
            return;
        }
    }
    for (int i = 0; f->choices[i] != NULL; i++)
        text_printf(&list, "%s%s", i > 0 ? ", " : "", f->choices[i]);
    request_complain(at->r, at->pointer, "choice", "must be one of %s", list.bytes);
    text_free(&list);
}

static void
read_integer(const struct reading *at, struct json_object *json, bson_t *out)
{
    int64_t value = json_object_get_int64(json);

    if (!json_object_is_type(json, json_type_int))
        complain(at, "type", "must be an integer");
    else if (value < at->field->low || value > at->field->high)
        request_complain(at->r, at->pointer, "range", "must be between %ld and %ld", at->field->low,
                         at->field->high);
    else
        BSON_APPEND_INT64(out, at->name, value);
}

static void
read_instant(const struct reading *at, struct json_object *json, bson_t *out)
{
    int64_t ms;

    if (json_object_is_type(json, json_type_string) &&
        clock_read(json_object_get_string(json), (size_t)json_object_get_string_len(json), &ms))
        BSON_APPEND_DATE_TIME(out, at->name, ms);
    else
        complain(at, "format", "must be an RFC 3339 instant like 2026-01-31T09:00:00Z");
}

static void
read_date(const struct reading *at, struct json_object *json, bson_t *out)
{
    int64_t ms;

    if (json_object_is_type(json, json_type_string) &&
        clock_read_date(json_object_get_string(json), (size_t)json_object_get_string_len(json),
                        &ms))
        BSON_APPEND_UTF8(out, at->name, json_object_get_string(json));
    else
        complain(at, "format", "must be a date like 2026-01-31");
}

/* A string of exactly 24 hex digits. */
static bool
is_id(struct json_object *json, bson_oid_t *id)
{
    if (!json_object_is_type(json, json_type_string) ||
        json_object_get_string_len(json) != ID_DIGITS ||
        !bson_oid_is_valid(json_object_get_string(json), ID_DIGITS))
        return false;
    bson_oid_init_from_string(id, json_object_get_string(json));
    return true;
}

static void
read_id(const struct reading *at, struct json_object *json, bson_t *out)
{
    bson_oid_t id;

    if (is_id(json, &id))
        BSON_APPEND_OID(out, at->name, &id);
    else
        complain(at, "format", "must be an id of 24 hex digits");
}

bool
doc_read_is_slug(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return len > 0 && len <= SLUG_MAX && text[len] == '\0';
}

static bool
is_slug(struct json_object *json)
{
    return json_object_is_type(json, json_type_string) &&
           doc_read_is_slug(json_object_get_string(json));
}

static void
read_slug(const struct reading *at, struct json_object *json, bson_t *out)
{
    if (is_slug(json))
        BSON_APPEND_UTF8(out, at->name, json_object_get_string(json));
    else
        complain(at, "format", "must be 1 to 40 characters from a-z, 0-9 and -");
}

static bool
is_duplicate(struct json_object *list, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (json_object_equal(json_object_array_get_idx(list, i),
                              json_object_array_get_idx(list, at)))
            return true;
    return false;
}

/* One item of a list; its key is its index. */
static void
read_item(const struct reading *at, struct json_object *list, size_t i, bson_t *out)
{
    struct json_object *json = json_object_array_get_idx(list, i);
    struct reading item = *at;
    bson_oid_t id;
    bson_t child;
    char key[24];

    snprintf(key, sizeof(key), "%zu", i);
    item.name = key;
    item.pointer = arena_printf(at->r->arena, "%s/%zu", at->pointer, i);
    if (at->field->kind == OBJECTS) {
        if (!json_object_is_type(json, json_type_object)) {
            complain(&item, "type", "must be an object");
            return;
        }
        bson_append_document_begin(out, key, -1, &child);
        read_members(&(struct object){at->r, DOC_CREATE, at->field->items, item.pointer}, json,
                     &child);
        bson_append_document_end(out, &child);
    } else if (is_duplicate(list, i)) {
        complain(&item, "duplicate", "is given more than once");
    } else if (at->field->kind == SLUGS) {
        read_slug(&item, json, out);
    } else if (is_id(json, &id)) {
        BSON_APPEND_OID(out, key, &id);
    } else {
        complain(&item, "format", "must be an id of 24 hex digits");
    }
}

static void
read_list(const struct reading *at, struct json_object *json, bson_t *out)
{
    bson_t list;

    if (!json_object_is_type(json, json_type_array)) {
        complain(at, "type", "must be an array");
        return;
    }
    if ((long)json_object_array_length(json) > at->field->high) {
        request_complain(at->r, at->pointer, "too-long", "must have at most %ld items",
                         at->field->high);
        return;
    }
    bson_append_array_begin(out, at->name, -1, &list);
    for (size_t i = 0; i < json_object_array_length(json); i++)
        read_item(at, json, i, &list);
    bson_append_array_end(out, &list);
}

/* An object that is a field's value.  In a merge patch it has only the members that change. */
static void
read_object(const struct reading *at, struct json_object *json, bson_t *out)
{
    bson_t object;

    if (!json_object_is_type(json, json_type_object)) {
        complain(at, "type", "must be an object");
        return;
    }
    bson_append_document_begin(out, at->name, -1, &object);
    read_members(&(struct object){at->r, at->mode, at->field->items, at->pointer}, json, &object);
    bson_append_document_end(out, &object);
}

static void read_value(const struct reading *at, struct json_object *json, bson_t *out);

/* The default value of a field. */
static void
read_fallback(const struct reading *at, bson_t *out)
{
    struct json_object *json;

    if (at->field->fallback == NULL) {
        BSON_APPEND_NULL(out, at->name);
        return;
    }
    json = json_tokener_parse(at->field->fallback);
    read_value(at, json, out);
    json_object_put(json);
}

/* In a merge patch null removes a field: one that must exist returns to its default. */
static void
read_null(const struct reading *at, bson_t *out)
{
    if (at->field->flags & NULLABLE)
        BSON_APPEND_NULL(out, at->name);
    else if (at->field->fallback != NULL)
        read_fallback(at, out);
    else
        complain(at, "null", "must not be null");
}

static void
read_value(const struct reading *at, struct json_object *json, bson_t *out)
{
    if (json == NULL) {
        read_null(at, out);
        return;
    }
    switch (at->field->kind) {
    case TEXT:
        read_text(at, json, out);
        break;
    case CHOICE:
    case RANK:
        read_choice(at, json, out);
        break;
    case INTEGER:
        read_integer(at, json, out);
        break;
    case FLAG:
        if (json_object_is_type(json, json_type_boolean))
            BSON_APPEND_BOOL(out, at->name, json_object_get_boolean(json));
        else
            complain(at, "type", "must be true or false");
        break;
    case INSTANT:
        read_instant(at, json, out);
        break;
    case DATE:
        read_date(at, json, out);
        break;
    case REF:
        read_id(at, json, out);
        break;
    case SLUG:
        read_slug(at, json, out);
        break;
    case REFS:
    case SLUGS:
    case OBJECTS:
        read_list(at, json, out);
        break;
    case NESTED:
        read_object(at, json, out);
        break;
    case ANY: /* the handler reads it from the JSON */
        break;
    }
}

/* The value of a field that is missing at creation. */
static void
read_missing(struct request *r, const struct field *f, const char *pointer, bson_t *out)
{
    struct reading at = {r, f, pointer, f->name, DOC_CREATE};

    if (f->flags & MUST_SET)
        complain(&at, "required", "is required");
    else if ((f->flags & VIRTUAL) == 0)
        read_fallback(&at, out);
}

static const char *
pointer_to(struct request *r, const char *base, const char *name)
{
    struct text t = {0};
    char *pointer;

    text_puts(&t, base);
    text_putc(&t, '/');
    for (size_t n = 0; *name != '\0' && n < 64; name++, n++) {
        if (*name == '~')
            text_puts(&t, "~0");
        else if (*name == '/')
            text_puts(&t, "~1");
        else
            text_putc(&t, *name);
    }
    while (!text_utf8(t.bytes, t.len)) /* cut in the middle of a character */
        t.bytes[--t.len] = '\0';
    pointer = arena_dup(r->arena, t.bytes);
    text_free(&t);
    return pointer;
}

/* The flags of fields that a client may set. */
static unsigned
may_set(enum doc_mode mode)
{
    return mode == DOC_CREATE ? MUST_SET | MAY_SET | MAY_EDIT : MAY_EDIT;
}

/* Complains about members that are unknown or that the client may not set. */
static void
refuse_strangers(const struct object *o, struct json_object *json)
{
    unsigned may = may_set(o->mode);
    struct request *r = o->r;

    json_object_object_foreach(json, name, value)
    {
        const struct field *f = doc_field(o->fields, name);

        (void)value;
        if (f == NULL || (f->flags & HIDDEN))
            request_complain(r, pointer_to(r, o->base, name), "unknown", "is unknown");
        else if ((f->flags & may) == 0)
            request_complain(r, pointer_to(r, o->base, name), "read-only", "is read-only");
    }
}

/* Reads the members of an object at `base`, a JSON Pointer; complains about what is wrong. */
static void
read_members(const struct object *o, struct json_object *json, bson_t *out)
{
    struct request *r = o->r;
    unsigned may = may_set(o->mode);

    refuse_strangers(o, json);
    for (const struct field *f = o->fields; f->name != NULL; f++) {
        struct json_object *value;
        struct reading at = {r, f, pointer_to(r, o->base, f->name), f->name, o->mode};

        if ((f->flags & may) == 0)
            continue;
        if (json_object_object_get_ex(json, f->name, &value))
            read_value(&at, value, out);
        else if (o->mode == DOC_CREATE)
            read_missing(r, f, at.pointer, out);
    }
}

enum err
doc_read(struct request *r, enum doc_mode mode, const struct field *fields,
         struct json_object *json, bson_t *out)
{
    if (!json_object_is_type(json, json_type_object))
        return request_fail(r, ERR_MALFORMED, "the body must be a JSON object");
    read_members(&(struct object){r, mode, fields, ""}, json, out);
    return request_validated(r);
}

enum err
doc_read_text(struct request *r, const struct field *fields, const char *text, bson_t *out)
{
    struct json_object *json = json_tokener_parse(text);
    enum err err = doc_read(r, DOC_CREATE, fields, json, out);

    json_object_put(json);
    return err;
}
