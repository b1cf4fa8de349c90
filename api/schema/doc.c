/*
 * BSON to JSON, differences and merging.  The other direction is doc_read.c.
 */
#include "api/schema/doc.h"

#include <stdio.h>
#include <string.h>

#include "common/change/event.h"
#include "common/text/json.h"
#include "common/text/text.h"
#include "common/time/clock.h"

bool
doc_list_has(const bson_t *doc, const char *name, const bson_iter_t *item)
{
    bson_iter_t iter, list;

    if (doc == NULL || !bson_iter_init_find(&iter, doc, name) || !bson_iter_recurse(&iter, &list))
        return false;
    while (bson_iter_next(&list)) {
        uint32_t len = list.next_off - list.d1;

        if (bson_iter_type(&list) == bson_iter_type(item) && item->next_off - item->d1 == len &&
            memcmp(list.raw + list.d1, item->raw + item->d1, len) == 0)
            return true;
    }
    return false;
}

const struct field *
doc_field(const struct field *fields, const char *name)
{
    for (; fields->name != NULL; fields++)
        if (strcmp(fields->name, name) == 0)
            return fields;
    return NULL;
}

/* The public name of the element at iter. */
static const char *
public_name(const bson_iter_t *iter)
{
    const char *stored = bson_iter_key(iter);

    return stored[0] == '_' && strcmp(stored, "_id") == 0 ? stored + 1 : stored;
}

/*
 * The field of that name; the search starts where the last one ended, since fields are usually in
 * order.
 */
static const struct field *
next_field(const struct shape *shape, const struct field *expected, const char *name)
{
    if (expected->name != NULL && strcmp(expected->name, name) == 0)
        return expected;
    return doc_field(shape->fields, name);
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

static void write_value(struct text *out, const struct field *f, const bson_iter_t *iter);

static void
write_object(struct text *out, const struct field *fields, const bson_iter_t *iter)
{
    bson_iter_t child;

    text_putc(out, '{');
    if (bson_iter_recurse(iter, &child)) {
        while (bson_iter_next(&child)) {
            const struct field *f = doc_field(fields, bson_iter_key(&child));

            if (f == NULL || (f->flags & HIDDEN))
                continue;
            write_key(out, f->name, bson_iter_key_len(&child));
            write_value(out, f, &child);
        }
    }
    text_putc(out, '}');
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
            if (f->kind == OBJECTS)
                write_object(out, f->items, &child);
            else
                write_value(out, f, &child);
            comma = ",";
        }
    }
    text_putc(out, ']');
}

static void
write_value(struct text *out, const struct field *f, const bson_iter_t *iter)
{
    const char *bytes;
    uint32_t len;

    switch (bson_iter_type(iter)) {
    case BSON_TYPE_UTF8:
        bytes = bson_iter_utf8(iter, &len);
        json_string(out, bytes, len);
        break;
    case BSON_TYPE_OID:
        write_id(out, bson_iter_oid(iter));
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
    default:
        text_puts(out, "null");
    }
}

static bool
is_public(const struct field *f)
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
        if (!is_public(f))
            continue;
        /* The name found has the same length as the one that was searched for. */
        write_key(out, name, (size_t)(bson_iter_key(&iter) + bson_iter_key_len(&iter) - name));
        write_value(out, f, &iter);
    }
    for (const struct field *f = shape->fields; f->name != NULL; f++)
        if (is_public(f) && (seen & 1ull << (f - shape->fields)) == 0) {
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

/* The position of each field of a shape in a document. */
struct places {
    struct {
        bson_iter_t iter; /* needs an alignment that an array would not have */
    } at[64];             /* the maximum of a shape */
    uint64_t found;       /* a bit for each */
};

static void
find_places(struct places *p, const struct shape *shape, const bson_t *doc)
{
    const struct field *expected = shape->fields;
    bson_iter_t iter;

    p->found = 0;
    if (doc == NULL)
        return;
    bson_iter_init(&iter, doc);
    while (bson_iter_next(&iter)) {
        const struct field *f = next_field(shape, expected, public_name(&iter));

        if (f == NULL)
            continue;
        expected = f + 1;
        p->found |= 1ull << (f - shape->fields);
        p->at[f - shape->fields].iter = iter;
    }
}

/* The n-th field's element; NULL when the document has none. */
static const bson_iter_t *
place(const struct places *p, ptrdiff_t n)
{
    return p->found & 1ull << n ? &p->at[n].iter : NULL;
}

/* A field's public JSON; "null" when it has no element. */
static void
write_member(struct text *out, const struct field *f, const bson_iter_t *iter)
{
    text_clear(out);
    if (iter != NULL)
        write_value(out, f, iter);
    else
        text_puts(out, "null");
}

/* The bytes of an element: type, name, value. */
static const char *
element(const bson_iter_t *iter, size_t *len)
{
    *len = iter->next_off - iter->off;
    return (const char *)iter->raw + iter->off;
}

/* Do both store the same value?  Usually they do, and then nothing need be written. */
static bool
same_bytes(const bson_iter_t *a, const bson_iter_t *b)
{
    size_t a_len, b_len;
    const char *a_bytes, *b_bytes;

    if (a == NULL || b == NULL)
        return a == b;
    a_bytes = element(a, &a_len);
    b_bytes = element(b, &b_len);
    return a_len == b_len && memcmp(a_bytes, b_bytes, a_len) == 0;
}

/* Is a change of the field included in events? */
static bool
is_in_events(const struct field *f)
{
    static const char *const silent[] = {"id", "rev", "updatedAt", "updatedBy"};

    for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
        if (strcmp(f->name, silent[i]) == 0)
            return false;
    return is_public(f);
}

int
doc_changes(struct text *out, const struct shape *shape, const bson_t *before, const bson_t *after)
{
    struct text was = {0}, is = {0};
    struct places old, new;
    int count = 0;

    find_places(&old, shape, before);
    find_places(&new, shape, after);
    text_putc(out, '{');
    for (const struct field *f = shape->fields; f->name != NULL; f++) {
        const bson_iter_t *a = place(&old, f - shape->fields), *b = place(&new, f - shape->fields);

        if (same_bytes(a, b) || !is_in_events(f))
            continue;
        write_member(&was, f, a);
        write_member(&is, f, b);
        if (strcmp(was.bytes, is.bytes) == 0)
            continue;
        count++;
        event_change(out, f->name, &was, &is);
    }
    text_putc(out, '}');
    text_free(&was);
    text_free(&is);
    return count;
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
        bool replaced = bson_iter_init_find(&found, change, bson_iter_key(&iter));

        p = element(replaced ? &found : &iter, &len);
        text_add(&bytes, p, len);
    }
    bson_iter_init(&iter, change);
    while (bson_iter_next(&iter)) {
        if (bson_has_field(before, bson_iter_key(&iter)))
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
