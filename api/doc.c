/*
 * BSON to JSON, differences and merging.  The other direction is doc_read.c.
 */
#include "api/doc.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/text.h"

const struct field *
doc_field(const struct field *fields, const char *name)
{
    for (; fields->name != NULL; fields++)
        if (strcmp(fields->name, name) == 0)
            return fields;
    return NULL;
}

/* The field of a stored name, looking first where the last one led us to expect it. */
static const struct field *
next_field(const struct shape *shape, const struct field *expected, const char *stored)
{
    if (stored[0] == '_' && strcmp(stored, "_id") == 0)
        stored = "id";
    if (expected->name != NULL && strcmp(expected->name, stored) == 0)
        return expected;
    return doc_field(shape->fields, stored);
}

static void
write_id(struct text *out, const bson_oid_t *id)
{
    char quoted[28] = "\"";

    bson_oid_to_string(id, quoted + 1);
    quoted[25] = '"';
    text_add(out, quoted, 26);
}

/* ,"name": */
static void
write_key(struct text *out, const char *comma, const char *name)
{
    char key[72], *p = stpcpy(key, comma);

    *p++ = '"';
    p = stpncpy(p, name, 64); /* the tables' names are short */
    *p++ = '"';
    *p++ = ':';
    text_add(out, key, (size_t)(p - key));
}

static void write_value(struct text *out, const struct field *f, const bson_iter_t *iter);

static void
write_object(struct text *out, const struct field *fields, const bson_iter_t *iter)
{
    bson_iter_t child;
    const char *comma = "";

    text_putc(out, '{');
    if (bson_iter_recurse(iter, &child)) {
        while (bson_iter_next(&child)) {
            const struct field *f = doc_field(fields, bson_iter_key(&child));

            if (f == NULL || (f->flags & HIDDEN))
                continue;
            write_key(out, comma, f->name);
            write_value(out, f, &child);
            comma = ",";
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
    char at[CLOCK_INSTANT + 2] = "\"";
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
            text_printf(out, "\"%s\"", f->choices[bson_iter_as_int64(iter)]);
        else
            text_int(out, bson_iter_as_int64(iter));
        break;
    case BSON_TYPE_BOOL:
        text_puts(out, bson_iter_bool(iter) ? "true" : "false");
        break;
    case BSON_TYPE_DATE_TIME:
        clock_write(at + 1, bson_iter_date_time(iter));
        at[CLOCK_INSTANT] = '"';
        text_add(out, at, CLOCK_INSTANT + 1);
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
    const char *comma = "";
    uint64_t seen = 0;
    bson_iter_t iter;

    text_putc(out, '{');
    bson_iter_init(&iter, doc);
    while (bson_iter_next(&iter)) {
        const struct field *f = next_field(shape, expected, bson_iter_key(&iter));

        if (f == NULL)
            continue;
        expected = f + 1;
        seen |= 1ull << (f - shape->fields);
        if (!is_public(f))
            continue;
        write_key(out, comma, f->name);
        write_value(out, f, &iter);
        comma = ",";
    }
    for (const struct field *f = shape->fields; f->name != NULL; f++)
        if (is_public(f) && (seen & 1ull << (f - shape->fields)) == 0) {
            text_printf(out, "%s\"%s\":%s", comma, f->name,
                        f->fallback != NULL ? f->fallback : "null");
            comma = ",";
        }
    text_puts(out, more);
    text_putc(out, '}');
}

void
doc_write(struct text *out, const struct shape *shape, const bson_t *doc)
{
    doc_write_with(out, shape, doc, "");
}

/* A field's public JSON in a document; "null" when it has none. */
static void
write_member(struct text *out, const struct field *f, const bson_t *doc)
{
    bson_iter_t iter;

    text_clear(out);
    if (doc != NULL && bson_iter_init_find(&iter, doc, f->name))
        write_value(out, f, &iter);
    else
        text_puts(out, "null");
}

/* Do both store the same value?  Most do, and then nothing need be written. */
static bool
same_bytes(const struct field *f, const bson_t *before, const bson_t *after)
{
    bson_iter_t a, b;

    if (before == NULL || !bson_iter_init_find(&a, before, f->name) ||
        !bson_iter_init_find(&b, after, f->name))
        return false;
    return bson_iter_type(&a) == bson_iter_type(&b) && a.next_off - a.off == b.next_off - b.off &&
           memcmp(a.raw + a.off, b.raw + b.off, a.next_off - a.off) == 0;
}

int
doc_changes(struct text *out, const struct shape *shape, const bson_t *before, const bson_t *after)
{
    static const char *const silent[] = {"id", "rev", "updatedAt", "updatedBy"};
    struct text was = {0}, is = {0};
    int count = 0;

    text_putc(out, '{');
    for (const struct field *f = shape->fields; f->name != NULL; f++) {
        bool skip = !is_public(f);

        for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
            skip = skip || strcmp(f->name, silent[i]) == 0;
        if (skip || same_bytes(f, before, after))
            continue;
        write_member(&was, f, before);
        write_member(&is, f, after);
        if (strcmp(was.bytes, is.bytes) == 0)
            continue;
        text_printf(out, "%s\"%s\":[", count++ > 0 ? "," : "", f->name);
        text_add(out, was.bytes, was.len);
        text_putc(out, ',');
        text_add(out, is.bytes, is.len);
        text_putc(out, ']');
    }
    text_putc(out, '}');
    text_free(&was);
    text_free(&is);
    return count;
}

bson_t *
doc_merge(const bson_t *before, const bson_t *change)
{
    bson_t *after = bson_new();
    bson_iter_t iter, found;

    bson_iter_init(&iter, before);
    while (bson_iter_next(&iter)) {
        if (bson_iter_init_find(&found, change, bson_iter_key(&iter)))
            bson_append_iter(after, NULL, 0, &found);
        else
            bson_append_iter(after, NULL, 0, &iter);
    }
    bson_iter_init(&iter, change);
    while (bson_iter_next(&iter))
        if (!bson_has_field(before, bson_iter_key(&iter)))
            bson_append_iter(after, NULL, 0, &iter);
    return after;
}

int64_t
doc_int(const bson_t *doc, const char *name)
{
    bson_iter_t iter;

    return bson_iter_init_find(&iter, doc, name) ? bson_iter_as_int64(&iter) : 0;
}

const char *
doc_text(const bson_t *doc, const char *name)
{
    bson_iter_t iter;

    if (!bson_iter_init_find(&iter, doc, name) || !BSON_ITER_HOLDS_UTF8(&iter))
        return NULL;
    return bson_iter_utf8(&iter, NULL);
}

const bson_oid_t *
doc_id(const bson_t *doc, const char *name)
{
    bson_iter_t iter;

    if (!bson_iter_init_find(&iter, doc, name) || !BSON_ITER_HOLDS_OID(&iter))
        return NULL;
    return bson_iter_oid(&iter);
}

bool
doc_time(const bson_t *doc, const char *name, int64_t *ms)
{
    bson_iter_t iter;

    if (!bson_iter_init_find(&iter, doc, name) || !BSON_ITER_HOLDS_DATE_TIME(&iter))
        return false;
    *ms = bson_iter_date_time(&iter);
    return true;
}

bool
doc_flag(const bson_t *doc, const char *name)
{
    bson_iter_t iter;

    return bson_iter_init_find(&iter, doc, name) && BSON_ITER_HOLDS_BOOL(&iter) &&
           bson_iter_bool(&iter);
}

bool
doc_has(const bson_t *doc, const char *name)
{
    bson_iter_t iter;

    return bson_iter_init_find(&iter, doc, name) && !BSON_ITER_HOLDS_NULL(&iter);
}
