/*
 * Reads and compares fields of documents, and builds arrays, which in BSON are documents with the
 * keys "0", "1", ...
 */
#include "common/text/doc.h"

#include <stdlib.h>
#include <string.h>

#define KEY 12 /* the digits of a 32-bit number and a NUL, as bson_uint32_to_string() asks for */

/*
 * How many bytes a value has, by its type; SIZE_MAX: libbson must tell, since it is of a type that
 * we never store, or cut off.
 */
static size_t
value_size(uint8_t type, const uint8_t *value, size_t left)
{
    uint32_t length;

    if (left < sizeof(length)) /* only then the document ends within this value */
        return type == BSON_TYPE_NULL ? 0 : type == BSON_TYPE_BOOL ? 1 : SIZE_MAX;
    memcpy(&length, value, sizeof(length));
    length = BSON_UINT32_FROM_LE(length);
    switch (type) {
    case BSON_TYPE_NULL:
        return 0;
    case BSON_TYPE_BOOL:
        return 1;
    case BSON_TYPE_INT32:
        return 4;
    case BSON_TYPE_DOUBLE:
    case BSON_TYPE_INT64:
    case BSON_TYPE_DATE_TIME:
        return 8;
    case BSON_TYPE_OID:
        return 12;
    case BSON_TYPE_UTF8:
        return sizeof(length) + (size_t)length;
    case BSON_TYPE_BINARY:
        return sizeof(length) + 1 + (size_t)length;
    case BSON_TYPE_DOCUMENT:
    case BSON_TYPE_ARRAY:
        return length;
    default:
        return SIZE_MAX;
    }
}

bool
doc_find(const bson_t *doc, const char *name, bson_iter_t *out)
{
    const uint8_t *bytes = bson_get_data(doc), *end = bytes + doc->len - 1; /* its last is zero */
    size_t len = strlen(name);

    for (const uint8_t *at = bytes + sizeof(uint32_t); at < end;) {
        const char *key = (const char *)at + 1;
        size_t key_len = strlen(key), size;
        const uint8_t *value = at + 1 + key_len + 1;

        if (key_len == len && memcmp(key, name, len) == 0)
            return bson_iter_init_from_data_at_offset(out, bytes, doc->len, (uint32_t)(at - bytes),
                                                      (uint32_t)len);
        size = value > end ? SIZE_MAX : value_size(*at, value, (size_t)(end - value));
        if (size > (size_t)(end - value))
            return bson_iter_init_find(out, doc, name);
        at = value + size;
    }
    return false;
}

int64_t
doc_int(const bson_t *doc, const char *name)
{
    bson_iter_t iter;

    return doc_find(doc, name, &iter) ? bson_iter_as_int64(&iter) : 0;
}

int64_t
doc_int_at(const bson_t *doc, const char *path)
{
    bson_iter_t iter, at;

    return bson_iter_init(&iter, doc) && bson_iter_find_descendant(&iter, path, &at)
               ? bson_iter_as_int64(&at)
               : 0;
}

const char *
doc_text(const bson_t *doc, const char *name)
{
    bson_iter_t iter;

    if (!doc_find(doc, name, &iter) || !BSON_ITER_HOLDS_UTF8(&iter))
        return NULL;
    return bson_iter_utf8(&iter, NULL);
}

const bson_oid_t *
doc_id(const bson_t *doc, const char *name)
{
    bson_iter_t iter;

    if (!doc_find(doc, name, &iter) || !BSON_ITER_HOLDS_OID(&iter))
        return NULL;
    return bson_iter_oid(&iter);
}

bool
doc_time(const bson_t *doc, const char *name, int64_t *ms)
{
    bson_iter_t iter;

    if (!doc_find(doc, name, &iter) || !BSON_ITER_HOLDS_DATE_TIME(&iter))
        return false;
    *ms = bson_iter_date_time(&iter);
    return true;
}

bool
doc_flag(const bson_t *doc, const char *name)
{
    bson_iter_t iter;

    return doc_find(doc, name, &iter) && BSON_ITER_HOLDS_BOOL(&iter) && bson_iter_bool(&iter);
}

bool
doc_has(const bson_t *doc, const char *name)
{
    bson_iter_t iter;

    return doc_find(doc, name, &iter) && !BSON_ITER_HOLDS_NULL(&iter);
}

bool
doc_lists(const bson_t *doc, const char *name, const bson_oid_t *id)
{
    bson_iter_t iter, list;

    if (!doc_find(doc, name, &iter) || !bson_iter_recurse(&iter, &list))
        return false;
    while (bson_iter_next(&list))
        if (BSON_ITER_HOLDS_OID(&list) && bson_oid_equal(bson_iter_oid(&list), id))
            return true;
    return false;
}

/*
 * Moves to the field of that name.  Versions of a document usually have their fields in the same
 * order, so it is looked for behind the previous one first.
 */
static bool
find_next(bson_iter_t *at, const bson_t *doc, const char *name)
{
    return (bson_iter_next(at) && strcmp(bson_iter_key(at), name) == 0) || doc_find(doc, name, at);
}

/* Are name, type and value of the fields the same? */
static bool
is_same(const bson_iter_t *a, const bson_iter_t *b)
{
    uint32_t len = a->next_off - a->off;

    return len == b->next_off - b->off && memcmp(a->raw + a->off, b->raw + b->off, len) == 0;
}

static void
append_part(bson_t *update, const char *name, const bson_t *part)
{
    if (!bson_empty(part))
        bson_append_document(update, name, -1, part);
}

void
doc_difference(bson_t *update, const bson_t *before, const bson_t *after)
{
    bson_t set = BSON_INITIALIZER, unset = BSON_INITIALIZER;
    bson_iter_t old, new;

    bson_iter_init(&old, before);
    bson_iter_init(&new, after);
    while (bson_iter_next(&new))
        if (!find_next(&old, before, bson_iter_key(&new)) || !is_same(&old, &new))
            bson_append_iter(&set, NULL, 0, &new);
    bson_iter_init(&old, before);
    bson_iter_init(&new, after);
    while (bson_iter_next(&old))
        if (!find_next(&new, after, bson_iter_key(&old)))
            BSON_APPEND_BOOL(&unset, bson_iter_key(&old), true);
    append_part(update, "$set", &set);
    append_part(update, "$unset", &unset);
    bson_destroy(&set);
    bson_destroy(&unset);
}

/* The next item's key: usually a constant of the library, otherwise written into room. */
static const char *
next_key(struct doc_array *a, char room[KEY])
{
    const char *key;

    bson_uint32_to_string(a->count++, &key, room, KEY);
    return key;
}

void
doc_array_add_id(struct doc_array *a, const bson_oid_t *id)
{
    char room[KEY];
    const char *key = next_key(a, room); /* the macro evaluates it more than once */

    BSON_APPEND_OID(a->bson, key, id);
}

void
doc_array_add_text(struct doc_array *a, const char *text)
{
    char room[KEY];
    const char *key = next_key(a, room);

    BSON_APPEND_UTF8(a->bson, key, text);
}

void
doc_array_add_value(struct doc_array *a, const bson_iter_t *value)
{
    char room[KEY];

    bson_append_iter(a->bson, next_key(a, room), -1, value);
}

void
doc_array_add_document(struct doc_array *a, const bson_t *document)
{
    char room[KEY];
    const char *key = next_key(a, room);

    BSON_APPEND_DOCUMENT(a->bson, key, document);
}

void
doc_in(bson_t *filter, const char *field, const bson_t *array)
{
    bson_t condition;

    bson_append_document_begin(filter, field, -1, &condition);
    BSON_APPEND_ARRAY(&condition, "$in", array);
    bson_append_document_end(filter, &condition);
}

void
doc_in_ids(bson_t *filter, const char *field, const void *ids, uint32_t count)
{
    bson_t bson = BSON_INITIALIZER;
    struct doc_array array = {&bson, 0};
    const bson_oid_t *id = ids;

    for (uint32_t i = 0; i < count; i++)
        doc_array_add_id(&array, &id[i]);
    doc_in(filter, field, &bson);
    bson_destroy(&bson);
}

void
doc_in_texts(bson_t *filter, const char *field, const char *const *texts, uint32_t count)
{
    bson_t bson = BSON_INITIALIZER;
    struct doc_array array = {&bson, 0};

    for (uint32_t i = 0; i < count; i++)
        doc_array_add_text(&array, texts[i]);
    doc_in(filter, field, &bson);
    bson_destroy(&bson);
}

static int
compare_ids(const void *a, const void *b)
{
    return bson_oid_compare(a, b);
}

uint32_t
doc_ids_sort(bson_oid_t *ids, uint32_t count)
{
    uint32_t kept = 0;

    if (count > 0)
        qsort(ids, count, sizeof(*ids), compare_ids);
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || !bson_oid_equal(&ids[i], &ids[kept - 1]))
            ids[kept++] = ids[i];
    return kept;
}

bool
doc_ids_contain(const bson_oid_t *ids, uint32_t count, const bson_oid_t *id)
{
    return count > 0 && bsearch(id, ids, count, sizeof(*ids), compare_ids) != NULL;
}
