/*
 * Conditions are put together from copies of the filter, in which one field's condition is
 * replaced.
 */
#include "api/crud/keyset.h"

#include <string.h>

#include "api/crud/query.h"

int
keyset_compare(const bson_iter_t *a, const bson_iter_t *b)
{
    int64_t x, y;

    if (BSON_ITER_HOLDS_UTF8(a) && BSON_ITER_HOLDS_UTF8(b))
        return strcmp(bson_iter_utf8(a, NULL), bson_iter_utf8(b, NULL));
    if (BSON_ITER_HOLDS_OID(a) && BSON_ITER_HOLDS_OID(b))
        return bson_oid_compare(bson_iter_oid(a), bson_iter_oid(b));
    x = BSON_ITER_HOLDS_DATE_TIME(a) ? bson_iter_date_time(a) : bson_iter_as_int64(a);
    y = BSON_ITER_HOLDS_DATE_TIME(b) ? bson_iter_date_time(b) : bson_iter_as_int64(b);
    return (x > y) - (x < y);
}

static bool
is_in(const bson_iter_t *list, const bson_iter_t *value)
{
    bson_iter_t item;

    if (bson_iter_recurse(list, &item))
        while (bson_iter_next(&item))
            if (keyset_compare(&item, value) == 0)
                return true;
    return false;
}

/* Does a value fulfil {op: operand}? */
static bool
fulfils(const bson_iter_t *value, const bson_iter_t *operand)
{
    const char *op = bson_iter_key(operand);
    int order;

    if (strcmp(op, "$in") == 0 || strcmp(op, "$nin") == 0)
        return is_in(operand, value) == (op[1] == 'i');
    order = keyset_compare(value, operand);
    return (order == 0 && strcmp(op + 3, "e") == 0) || (order > 0 && op[1] == 'g') ||
           (order < 0 && op[1] == 'l');
}

/* Does a value fulfil a filter's condition on its field: another value, or operators? */
static bool
may_be(const bson_iter_t *condition, const bson_iter_t *value)
{
    bson_iter_t op;

    if (!BSON_ITER_HOLDS_DOCUMENT(condition))
        return keyset_compare(condition, value) == 0;
    if (bson_iter_recurse(condition, &op))
        while (bson_iter_next(&op))
            if (!fulfils(value, &op))
                return false;
    return true;
}

bson_t *
keyset_bounded(const bson_t *filter, const char *field, const char *op, const bson_iter_t *value)
{
    bson_t *out = bson_new(), range;
    bson_iter_t old, bound;
    bool tighter = true; /* than an old bound by the same operator */

    bson_copy_to_excluding_noinit(filter, out, field, NULL);
    BSON_APPEND_DOCUMENT_BEGIN(out, field, &range);
    if (bson_iter_init_find(&old, filter, field) && bson_iter_recurse(&old, &bound)) {
        while (bson_iter_next(&bound)) {
            bool same = strcmp(bson_iter_key(&bound), op) == 0;

            if (same)
                tighter = fulfils(value, &bound);
            if (!same || !tighter)
                bson_append_iter(&range, NULL, 0, &bound);
        }
    }
    if (tighter)
        bson_append_iter(&range, op, -1, value);
    bson_append_document_end(out, &range);
    return out;
}

/* A copy of the filter in which the key has this value; NULL: it cannot have it. */
static bson_t *
fixed(const bson_t *filter, const char *key, const bson_iter_t *value)
{
    bson_iter_t condition;
    bson_t *out;

    if (bson_iter_init_find(&condition, filter, key) && !may_be(&condition, value))
        return NULL;
    out = bson_new();
    bson_copy_to_excluding_noinit(filter, out, key, NULL);
    bson_append_iter(out, key, -1, value);
    return out;
}

/* A copy of the filter in which the key is beyond this value; NULL: it cannot be. */
static bson_t *
beyond(const bson_t *filter, struct query_key key, const bson_iter_t *value)
{
    bson_iter_t condition;

    if (bson_iter_init_find(&condition, filter, key.name) && !BSON_ITER_HOLDS_DOCUMENT(&condition))
        return keyset_compare(&condition, value) * key.direction > 0 ? bson_copy(filter) : NULL;
    return keyset_bounded(filter, key.name, key.direction > 0 ? "$gt" : "$lt", value);
}

int
keyset_parts(const struct query *q)
{
    bson_iter_t value;
    int n = 0;

    while (query_at(q, n, &value))
        n++;
    return n;
}

bson_t *
keyset_part(const struct query *q, const bson_t *filter, int n)
{
    int last = keyset_parts(q) - 1 - n; /* the key that is beyond the cursor's value */
    bson_t *part = bson_copy(filter);

    for (int i = 0; part != NULL && i <= last; i++) {
        struct query_key key = query_key(q, i);
        bson_t *before = part;
        bson_iter_t value;

        if (query_at(q, i, &value))
            part = i < last ? fixed(before, key.name, &value) : beyond(before, key, &value);
        bson_destroy(before);
    }
    return part;
}
