/*
 * Names come from the tables, and values are converted to their types before they reach the filter:
 * no key sent by a client reaches the store.
 */
#include "api/crud/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/crud/due_range.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/base/id.h"

#define CURSOR_BYTES 2048 /* a title of 500 characters fits */
#define LIST_MAX     20   /* values of one parameter, with commas */

const struct number_parameter query_limit = {"limit", 1, QUERY_LIMIT_MAX, QUERY_LIMIT};

/* One value of a parameter, typed, appended under name. */
static enum err
append_value(struct request *r, const struct filter *f, const char *text, const char *name,
             bson_t *out)
{
    size_t len = strlen(text);
    bson_oid_t id;

    switch (f->kind) {
    case REF:
        if (strcmp(text, "me") == 0) {
            BSON_APPEND_OID(out, name, &r->user_id);
            return ERR_NONE;
        }
        if (len != ID_DIGITS || !bson_oid_is_valid(text, len))
            return request_bad_param(r, f->name, "must be an id of 24 hex digits");
        bson_oid_init_from_string(&id, text);
        BSON_APPEND_OID(out, name, &id);
        return ERR_NONE;
    case RANK:
        for (int i = 0; f->choices[i] != NULL; i++) {
            if (strcmp(f->choices[i], text) == 0) {
                BSON_APPEND_INT32(out, name, i);
                return ERR_NONE;
            }
        }
        return request_bad_param(r, f->name, "has an unknown value");
    case FLAG:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return request_bad_param(r, f->name, "must be true or false");
        BSON_APPEND_BOOL(out, name, text[0] == 't');
        return ERR_NONE;
    default:
        if (len == 0 || len > 500)
            return request_bad_param(r, f->name, "must have 1 to 500 characters");
        BSON_APPEND_UTF8(out, name, text);
        return ERR_NONE;
    }
}

/* An array of the values "a,b". */
static enum err
append_values(struct request *r, const struct filter *f, const char *value, bson_t *list)
{
    char key[16];
    int n = 0;
    enum err err = ERR_NONE;

    for (const char *p = value; err == ERR_NONE && *p != '\0';) {
        size_t len = strcspn(p, ",");

        snprintf(key, sizeof(key), "%d", n);
        if (n++ == LIST_MAX)
            err = request_bad_param(r, f->name, "has more than 20 values");
        else
            err = append_value(r, f, arena_copy(r->arena, p, len), key, list);
        p += len + (p[len] == ',');
    }
    return err;
}

static bool
has_rank(const bson_t *ranks, int rank)
{
    bson_iter_t iter;

    bson_iter_init(&iter, ranks);
    while (bson_iter_next(&iter))
        if (bson_iter_int32(&iter) == rank)
            return true;
    return false;
}

/*
 * {$nin: [all the other ranks]}.  With $in, a list of points, an index that continues with the rank
 * would not return the tasks in order; with the ranges between points it does.
 */
static void
append_other_ranks(const struct filter *f, const bson_t *ranks, bson_t *out)
{
    bson_t condition, list;
    char key[16];
    int n = 0;

    BSON_APPEND_DOCUMENT_BEGIN(out, f->stored, &condition);
    BSON_APPEND_ARRAY_BEGIN(&condition, "$nin", &list);
    for (int i = 0; f->choices[i] != NULL; i++) {
        snprintf(key, sizeof(key), "%d", n);
        if (!has_rank(ranks, i) && ++n > 0)
            BSON_APPEND_INT32(&list, key, i);
    }
    bson_append_array_end(&condition, &list);
    bson_append_document_end(out, &condition);
}

/* "a" or "a,b": equality or $in. */
static enum err
append_equals(struct request *r, const struct filter *f, const char *value, bson_t *out)
{
    bson_t list = BSON_INITIALIZER;
    enum err err;

    if (strchr(value, ',') == NULL)
        return append_value(r, f, value, f->stored, out);
    err = append_values(r, f, value, &list);
    if (err == ERR_NONE && f->kind == RANK) {
        append_other_ranks(f, &list, out);
    } else if (err == ERR_NONE) {
        doc_in(out, f->stored, &list);
    }
    bson_destroy(&list);
    return err;
}

static enum err
read_filters(struct request *r, const struct list *list, bson_t *out)
{
    for (const struct filter *f = list->filters; f != NULL && f->name != NULL; f++) {
        const char *value = f->op == EQUALS ? request_param(r, f->name) : NULL;
        enum err err;

        if (value != NULL && (err = append_equals(r, f, value, out)) != ERR_NONE)
            return err;
    }
    return ERR_NONE;
}

void
query_reversed(struct text *out, const char *order)
{
    for (const char *p = order; *p != '\0';) {
        size_t len = strcspn(p, ",");

        if (*p == '-')
            text_add(out, p + 1, len - 1);
        else
            text_printf(out, "-%.*s", (int)len, p);
        p += len;
        if (*p == ',')
            text_putc(out, *p++);
    }
}

static bool
is_reversed(const char *value, const char *order)
{
    struct text t = {0};
    bool same;

    query_reversed(&t, order);
    same = strcmp(value, t.bytes) == 0;
    text_free(&t);
    return same;
}

/* Refuses an unknown order, naming the known ones. */
static enum err
refuse_sort(struct request *r, const struct list *list)
{
    const char *known = "";

    for (const struct order *o = list->orders; o->name != NULL; o++)
        known = arena_printf(r->arena, "%s%s; ", known, o->name);
    return request_bad_param(
        r, "sort",
        arena_printf(r->arena, "must be one of %sor one of these with all directions reversed",
                     known));
}

static enum err
read_sort(struct request *r, const struct list *list, struct query *q)
{
    const char *value = request_param(r, "sort");

    if (value == NULL)
        value = r->sort;
    q->order = list->orders;
    if (value == NULL)
        return ERR_NONE;
    for (const struct order *o = list->orders; o->name != NULL; o++) {
        q->order = o;
        q->reversed = strcmp(value, o->name) != 0;
        if (!q->reversed || (!o->ranked && is_reversed(value, o->name)))
            return ERR_NONE;
    }
    return refuse_sort(r, list);
}

bool
query_has_order(const struct list *list, const char *value)
{
    for (const struct order *o = list->orders; o->name != NULL; o++)
        if (strcmp(value, o->name) == 0 || (!o->ranked && is_reversed(value, o->name)))
            return true;
    return false;
}

int
query_keys(const struct query *q)
{
    int n = 0;

    while (n < QUERY_KEYS && q->order->keys[n] != NULL)
        n++;
    return n + 1;
}

struct query_key
query_key(const struct query *q, int n)
{
    bool is_id = n == query_keys(q) - 1;
    const char *key = q->order->keys[is_id ? n - 1 : n];
    bool down = key[0] == '-';

    return (struct query_key){is_id ? "_id" : key + down, down != q->reversed ? -1 : 1};
}

static bool
is_fixed(const bson_t *filter, const char *key)
{
    bson_iter_t value;

    return bson_iter_init_find(&value, filter, key) && !BSON_ITER_HOLDS_DOCUMENT(&value);
}

bson_t *
query_sort(const struct query *q, const bson_t *filter)
{
    bson_t *sort = bson_new();

    for (int i = 0; i < query_keys(q); i++) {
        struct query_key key = query_key(q, i);

        if (!bson_empty(sort) || !is_fixed(filter, key.name))
            BSON_APPEND_INT32(sort, key.name, key.direction);
    }
    return sort;
}

/* The n-th value of a cursor {o: name of the order, r: is it reversed, k0: ..., k1: ...}. */
static bool
value_at(const bson_t *at, int n, bson_iter_t *value)
{
    char name[16];

    snprintf(name, sizeof(name), "k%d", n);
    return bson_iter_init_find(value, at, name);
}

static bool
has_same(const bson_t *doc, const char *key, const bson_iter_t *value)
{
    bson_t theirs = BSON_INITIALIZER, ours = BSON_INITIALIZER;
    bson_iter_t other;
    bool same = bson_iter_init_find(&other, doc, key) &&
                bson_append_iter(&theirs, "v", 1, &other) &&
                bson_append_iter(&ours, "v", 1, value) && bson_equal(&theirs, &ours);

    bson_destroy(&theirs);
    bson_destroy(&ours);
    return same;
}

/* The cursor after `last`, with as many keys as tell it from `next`. */
static bson_t *
cursor_after(const struct query *q, const bson_t *last, const bson_t *next)
{
    bson_t *at = bson_new();
    bool same = true;

    BSON_APPEND_UTF8(at, "o", q->order->name);
    BSON_APPEND_BOOL(at, "r", q->reversed);
    for (int i = 0; same && i < query_keys(q); i++) {
        const char *key = query_key(q, i).name;
        bson_iter_t value;
        char name[16];

        snprintf(name, sizeof(name), "k%d", i);
        if (!bson_iter_init_find(&value, last, key))
            break;
        bson_append_iter(at, name, -1, &value);
        same = next == NULL || has_same(next, key, &value);
    }
    return at;
}

/* May the n-th value of a cursor have this type?  The last is the id. */
static bool
type_ok(const struct query *q, int n, bson_type_t type)
{
    if (n == query_keys(q) - 1)
        return type == BSON_TYPE_OID;
    if (q->order->due && n == 0) /* none, a date or an instant */
        return type == BSON_TYPE_NULL || type == BSON_TYPE_UTF8 || type == BSON_TYPE_DATE_TIME;
    return type == BSON_TYPE_UTF8 || type == BSON_TYPE_INT32 || type == BSON_TYPE_INT64 ||
           type == BSON_TYPE_DATE_TIME || type == BSON_TYPE_OID;
}

static int
value_count(const struct query *q, const bson_t *at)
{
    bson_iter_t value;
    int n = 0;

    while (n < query_keys(q) && value_at(at, n, &value))
        n++;
    return n;
}

/* Is it a cursor of the query's order, with values of plain types? */
static bool
cursor_ok(const struct query *q, const bson_t *at)
{
    const char *order = doc_text(at, "o");
    int count = value_count(q, at);
    bson_iter_t value;

    if (order == NULL || strcmp(order, q->order->name) != 0 || doc_flag(at, "r") != q->reversed)
        return false;
    for (int n = 0; n < count; n++)
        if (!value_at(at, n, &value) || !type_ok(q, n, bson_iter_type(&value)))
            return false;
    return count > 0;
}

static enum err
read_cursor(struct request *r, struct query *q)
{
    const char *value = request_param(r, "cursor");
    unsigned char bytes[CURSOR_BYTES];
    bson_t at;
    long len;

    if (value == NULL)
        return ERR_NONE;
    if (q->order->ranked)
        return request_bad_param(r, "cursor", "cannot be combined with an order of one page");
    len = text_unbase64url(bytes, sizeof(bytes), value, strlen(value));
    if (len < 5 || !bson_init_static(&at, bytes, (size_t)len) ||
        !bson_validate(&at, BSON_VALIDATE_UTF8, NULL) || !cursor_ok(q, &at))
        return request_bad_param(r, "cursor", "does not belong to this list and sort order");
    q->at = request_keep(r, bson_copy(&at));
    return ERR_NONE;
}

enum err
query_read(struct request *r, const struct list *list, const bson_t *base, struct query *q)
{
    enum err err;

    *q = (struct query){.store = list->store,
                        .filter = request_keep(r, bson_copy(base)),
                        .opts = request_keep(r, bson_new())};
    if ((err = request_number(r, &query_limit, &q->limit)) != ERR_NONE ||
        (err = read_filters(r, list, q->filter)) != ERR_NONE ||
        (list->scope != NULL && (err = list->scope(r, q->filter)) != ERR_NONE) ||
        (err = read_sort(r, list, q)) != ERR_NONE || (err = read_cursor(r, q)) != ERR_NONE ||
        (err = request_params_done(r)) != ERR_NONE)
        return err;
    if (r->due != NULL && !q->order->due)
        due_range_append(r->due, q->filter);
    if (list->project != NULL)
        list->project(r, q->opts);
    BSON_APPEND_INT64(q->opts, "limit", q->limit + 1);
    return ERR_NONE;
}

bool
query_at(const struct query *q, int n, bson_iter_t *value)
{
    return n < query_keys(q) && value_at(q->at, n, value);
}

void
query_continue(struct request *r, struct query *q, const bson_t *last, const bson_t *next)
{
    q->at = request_keep(r, cursor_after(q, last, next));
}

void
query_project(const struct query *q, bson_t *projection)
{
    for (int i = 0; i < query_keys(q) - 1; i++)
        if (!bson_has_field(projection, query_key(q, i).name))
            BSON_APPEND_INT32(projection, query_key(q, i).name, 1);
}

void
query_cursor_at(struct text *out, const bson_t *at)
{
    text_base64url(text_room(out, TEXT_BASE64(at->len)), bson_get_data(at), at->len);
    text_end(out, out->bytes + out->len + strlen(out->bytes + out->len));
}

void
query_cursor(struct text *out, const struct query *q, const bson_t *last, const bson_t *next)
{
    bson_t *at = cursor_after(q, last, next);

    query_cursor_at(out, at);
    bson_destroy(at);
}
