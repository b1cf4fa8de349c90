/*
 * BSON to JSON, differences and merging.  The other direction is doc_read.c.
 */
#include "api/schema/doc.h"

#include <stdio.h>
#include <string.h>

#include "common/text/json.h"
#include "common/text/text.h"
#include "common/time/clock.h"

bool
doc_list_has(const bson_t *doc, const char *name, const bson_iter_t *item)
{
    bson_iter_t iter, list;

    if (doc == NULL || !doc_find(doc, name, &iter) || !bson_iter_recurse(&iter, &list))
        return false;
    while (bson_iter_next(&list)) {
        uint32_t len = list.next_off - list.d1;

        if (bson_iter_type(&list) == bson_iter_type(item) && item->next_off - item->d1 == len &&
            memcmp(list.raw + list.d1, item->raw + item->d1, len) == 0)
            return true;
    }
    return false;
}

bool
doc_differs(const bson_t *a, const bson_t *b, const char *name)
{
    bson_iter_t was, is;

    if (!doc_find(a, name, &was) || !doc_find(b, name, &is))
        return true;
    return bson_iter_type(&was) != bson_iter_type(&is) ||
           was.next_off - was.off != is.next_off - is.off ||
           memcmp(was.raw + was.off, is.raw + is.off, was.next_off - was.off) != 0;
}

/* The public name of the element at iter; libbson's functions cost a call each. */
static const char *
public_name(const bson_iter_t *iter)
{
    const char *stored = (const char *)iter->raw + iter->key;

    return stored[0] == '_' && strcmp(stored, "_id") == 0 ? stored + 1 : stored;
}

/* The length of a name that public_name() returned. */
static size_t
name_length(const bson_iter_t *iter, const char *name)
{
    return (size_t)((const char *)iter->raw + iter->d1 - 1 - name);
}

/* Most names have a few bytes: a call of strcmp() takes longer than this. */
static bool
is_name(const struct field *f, const char *name)
{
    const char *is = f->name;

    while (*is == *name && *is != '\0')
        is++, name++;
    return *is == *name;
}

const struct field *
doc_field(const struct field *fields, const char *name)
{
    for (; fields->name != NULL; fields++)
        if (is_name(fields, name))
            return fields;
    return NULL;
}

/*
 * The field of that name; the search starts where the last one ended, since fields are usually in
 * order.
 */
static const struct field *
next_field(const struct shape *shape, const struct field *expected, const char *name)
{
    if (expected->name != NULL && is_name(expected, name))
        return expected;
    return doc_field(shape->fields, name);
}

const struct field *
doc_next_field(const struct shape *shape, const struct field *expected, const bson_iter_t *element)
{
    return next_field(shape, expected, public_name(element));
}

/* "name": with a comma before it, unless it is the object's first. */
static void
write_key(struct text *out, const char *name, size_t len)
{
    char *p = text_room(out, len + 4);

    if (p[-1] != '{')
        *p++ = ',';
    *p++ = '"';
    memcpy(p, name, len);
    p += len;
    *p++ = '"';
    *p++ = ':';
    text_end(out, p);
}

static void
write_id(struct text *out, const bson_oid_t *id)
{
    char *p = text_room(out, 26);

    *p = '"';
    bson_oid_to_string(id, p + 1);
    p[25] = '"';
    text_end(out, p + 26);
}

static void
write_instant(struct text *out, int64_t ms)
{
    char *p = text_room(out, CLOCK_INSTANT + 1);

    *p = '"';
    clock_write(p + 1, ms);
    p[CLOCK_INSTANT] = '"'; /* where its NUL was */
    text_end(out, p + CLOCK_INSTANT + 1);
}

static void
write_choice(struct text *out, const char *choice)
{
    text_putc(out, '"');
    text_puts(out, choice);
    text_putc(out, '"');
}

static void
write_object(struct text *out, const struct field *fields, const bson_iter_t *iter)
{
    bson_iter_t child;

    text_putc(out, '{');
    if (bson_iter_recurse(iter, &child)) {
        while (bson_iter_next(&child)) {
            const struct field *f = doc_field(fields, bson_iter_key(&child));

            if (f == NULL || (f->flags & HIDDEN) ||
                ((f->flags & OPTIONAL) && BSON_ITER_HOLDS_NULL(&child)))
                continue;
            write_key(out, f->name, bson_iter_key_len(&child));
            doc_write_value(out, f, &child);
        }
    }
    text_putc(out, '}');
}

void
doc_write_item(struct text *out, const struct field *f, const bson_iter_t *item)
{
    if (f->kind == OBJECTS)
        write_object(out, f->items, item);
    else
        doc_write_value(out, f, item);
}

static void
write_list(struct text *out, const struct field *f, const bson_iter_t *iter)
{
    bson_iter_t child;
    const char *comma = "";

    text_putc(out, '[');
    if (bson_iter_recurse(iter, &child)) {
        while (bson_iter_next(&child)) {
            text_puts(out, comma);
            doc_write_item(out, f, &child);
            comma = ",";
        }
    }
    text_putc(out, ']');
}

void
doc_write_value(struct text *out, const struct field *f, const bson_iter_t *iter)
{
    switch (bson_iter_type_unsafe(iter)) { /* the values were checked by bson_iter_next() */
    case BSON_TYPE_UTF8:
        json_string(out, (const char *)iter->raw + iter->d2, bson_iter_utf8_len_unsafe(iter));
        break;
    case BSON_TYPE_OID:
        write_id(out, bson_iter_oid_unsafe(iter));
        break;
    case BSON_TYPE_NULL:
        text_puts(out, "null");
        break;
    case BSON_TYPE_INT32:
    case BSON_TYPE_INT64:
        if (f->kind == RANK)
            write_choice(out, f->choices[bson_iter_as_int64(iter)]);
        else
            text_int(out, bson_iter_as_int64(iter));
        break;
    case BSON_TYPE_BOOL:
        text_puts(out, bson_iter_bool(iter) ? "true" : "false");
        break;
    case BSON_TYPE_DATE_TIME:
        write_instant(out, bson_iter_date_time(iter));
        break;
    case BSON_TYPE_ARRAY:
        write_list(out, f, iter);
        break;
    case BSON_TYPE_DOCUMENT:
        write_object(out, f->items, iter);
        break;
    default:
        text_puts(out, "null");
    }
}

bool
doc_is_public(const struct field *f)
{
    return (f->flags & (HIDDEN | VIRTUAL)) == 0;
}

void
doc_write_with(struct text *out, const struct shape *shape, const bson_t *doc, const char *more)
{
    const struct field *expected = shape->fields;
    uint64_t seen = 0;
    bson_iter_t iter;

    text_putc(out, '{');
    bson_iter_init(&iter, doc);
    while (bson_iter_next(&iter)) {
        const char *name = public_name(&iter);
        const struct field *f = next_field(shape, expected, name);

        if (f == NULL)
            continue;
        expected = f + 1;
        seen |= 1ull << (f - shape->fields);
        if (!doc_is_public(f))
            continue;
        write_key(out, name, name_length(&iter, name));
        doc_write_value(out, f, &iter);
    }
    for (const struct field *f = shape->fields; f->name != NULL; f++)
        if (doc_is_public(f) && (seen & 1ull << (f - shape->fields)) == 0) {
            write_key(out, f->name, strlen(f->name));
            text_puts(out, f->fallback != NULL ? f->fallback : "null");
        }
    text_puts(out, more);
    text_putc(out, '}');
}

void
doc_write(struct text *out, const struct shape *shape, const bson_t *doc)
{
    doc_write_with(out, shape, doc, "");
}

/* The bytes of an element: type, name, value. */
static const char *
element(const bson_iter_t *iter, size_t *len)
{
    *len = iter->next_off - iter->off;
    return (const char *)iter->raw + iter->off;
}

/* Copies element by element as bytes: libbson's appending would parse each again. */
bson_t *
doc_merge(const bson_t *before, const bson_t *change)
{
    struct text bytes = {0};
    bson_iter_t iter, found;
    const char *p;
    uint32_t size;
    size_t len;
    bson_t *after;

    text_add(&bytes, "\0\0\0\0", sizeof(size)); /* the size, which is set last */
    bson_iter_init(&iter, before);
    while (bson_iter_next(&iter)) {
        bool replaced = doc_find(change, bson_iter_key(&iter), &found);

        p = element(replaced ? &found : &iter, &len);
        text_add(&bytes, p, len);
    }
    bson_iter_init(&iter, change);
    while (bson_iter_next(&iter)) {
        if (doc_find(before, bson_iter_key(&iter), &found))
            continue;
        p = element(&iter, &len);
        text_add(&bytes, p, len);
    }
    text_putc(&bytes, '\0');
    size = BSON_UINT32_TO_LE((uint32_t)bytes.len);
    memcpy(bytes.bytes, &size, sizeof(size));
    after = bson_new_from_data((const uint8_t *)bytes.bytes, bytes.len);
    text_free(&bytes);
    return after;
}
