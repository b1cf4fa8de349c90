/*
 * The page found so far is kept in order; each part of the list can only add documents that come
 * before its end.
 */
#include "api/crud/list_find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/crud/keyset.h"
#include "api/crud/query.h"
#include "api/http/request.h"
#include "api/schema/doc.h"

#define SCANS_MAX   200  /* internalQueryMaxScansToExplode */
#define MATCHES_MAX 5000 /* documents whose keys an unindexed order */
#define NULL_POINTS 2    /* an equality with null is two points of an index, before MongoDB 8.0 */

struct finding {
    struct request *r;
    const struct query *query;
    const bson_t *filter; /* of all */
    bson_t *sort;
    bson_t **page; /* in order: the first of all found so far */
    int count, most;
    int given; /* documents, of all parts */
    store_each each;
    void *arg;
};

/* ------------------------------------------------------------ the order */

/* Below 0 if a comes first.  The keys of one order have values of one type. */
static int
compare(const struct finding *f, const bson_t *a, const bson_t *b)
{
    bson_iter_t keys, x, y;
    int order = 0;

    bson_iter_init(&keys, f->sort);
    while (order == 0 && bson_iter_next(&keys))
        if (bson_iter_init_find(&x, a, bson_iter_key(&keys)) &&
            bson_iter_init_find(&y, b, bson_iter_key(&keys)))
            order = keyset_compare(&x, &y) * (int)bson_iter_as_int64(&keys);
    return order;
}

/* Inserts a copy in order; a document pushed past the end is dropped. */
static enum err
keep(void *arg, const bson_t *doc)
{
    struct finding *f = arg;
    int at = f->count;

    while (at > 0 && compare(f, doc, f->page[at - 1]) < 0)
        at--;
    if (at == f->most)
        return ERR_NONE;
    if (f->count == f->most)
        bson_destroy(f->page[--f->count]);
    memmove(&f->page[at + 1], &f->page[at], (size_t)(f->count - at) * sizeof(*f->page));
    f->page[at] = bson_copy(doc);
    f->count++;
    return ERR_NONE;
}

/* ------------------------------------------------------------ parts of many projects */

/* {$in: [...]} of a field: its list, and how many it has; 0: there is none. */
static int
listed(const bson_t *filter, const char *field, bson_t *list)
{
    bson_iter_t iter, in;
    const uint8_t *bytes;
    uint32_t len;

    if (!bson_iter_init_find(&iter, filter, field) || !BSON_ITER_HOLDS_DOCUMENT(&iter) ||
        !bson_iter_recurse(&iter, &in) || !bson_iter_find(&in, "$in"))
        return 0;
    bson_iter_array(&in, &len, &bytes);
    return bson_init_static(list, bytes, len) ? (int)bson_count_keys(list) : 0;
}

/* How many projects one query may name. */
static int
group_size(const bson_t *filter)
{
    bson_t states;
    bson_iter_t due;
    int points = listed(filter, "state", &states);

    if (points == 0)
        points = 1;
    if (bson_iter_init_find(&due, filter, "dueKey") && BSON_ITER_HOLDS_NULL(&due))
        points *= NULL_POINTS;
    return SCANS_MAX / points;
}

/*
 * Must the list be split?  Not if an assignee or the tasks themselves are named: these have their
 * own indexes.
 */
static bool
is_wide(const bson_t *filter, bson_t *projects)
{
    return listed(filter, "projectId", projects) > group_size(filter) &&
           !bson_has_field(filter, "assigneeIds") && !bson_has_field(filter, "_id");
}

/* {projectId: {$in: the next ones}}; false when there are none. */
static bool
append_group(bson_iter_t *projects, int most, bson_t *out)
{
    bson_t group = BSON_INITIALIZER;
    struct doc_array array = {&group, 0};

    while (array.count < (uint32_t)most && bson_iter_next(projects))
        doc_array_add_value(&array, projects);
    doc_in(out, "projectId", &group);
    bson_destroy(&group);
    return array.count > 0;
}

/* Documents after the page's end are not needed: {first key: {$lte: the last one's}}. */
static bson_t *
until_end(const struct finding *f, const bson_t *filter)
{
    bson_iter_t first, value;

    if (f->count < f->most || !bson_iter_init(&first, f->sort) || !bson_iter_next(&first) ||
        !bson_iter_init_find(&value, f->page[f->most - 1], bson_iter_key(&first)))
        return bson_copy(filter);
    return keyset_bounded(filter, bson_iter_key(&first),
                          bson_iter_as_int64(&first) > 0 ? "$lte" : "$gte", &value);
}

static enum err
find_groups(struct finding *f, const bson_t *projects, const bson_t *opts)
{
    int size = group_size(f->filter);
    bson_iter_t next;
    enum err err = ERR_NONE;

    bson_iter_init(&next, projects);
    while (err == ERR_NONE) {
        bson_t group = BSON_INITIALIZER, *filter;
        bool some = append_group(&next, size, &group);

        bson_copy_to_excluding_noinit(f->filter, &group, "projectId", NULL);
        filter = until_end(f, &group);
        if (some)
            err = store_find(f->r->store, &(struct store_query){f->query->store, filter, opts},
                             keep, f);
        bson_destroy(filter);
        bson_destroy(&group);
        if (!some)
            break;
    }
    return err;
}

/* Outputs a document, unless the page and one more have been output. */
static enum err
give(void *arg, const bson_t *doc)
{
    struct finding *f = arg;

    return f->given++ < f->most ? f->each(f->arg, doc) : ERR_NONE;
}

static enum err
find_wide(struct finding *f, const bson_t *projects, const bson_t *opts)
{
    enum err err = find_groups(f, projects, opts);

    for (int i = 0; err == ERR_NONE && i < f->count; i++)
        err = give(f, f->page[i]);
    return err;
}

/* ------------------------------------------------------------ orders without an index */

static enum err
find_keys(struct finding *f)
{
    bson_t *opts = BCON_NEW("limit", BCON_INT64(MATCHES_MAX)), fields;
    bson_iter_t keys;
    enum err err;

    BSON_APPEND_DOCUMENT_BEGIN(opts, "projection", &fields);
    bson_iter_init(&keys, f->sort);
    while (bson_iter_next(&keys))
        BSON_APPEND_INT32(&fields, bson_iter_key(&keys), 1);
    bson_append_document_end(opts, &fields);
    err = store_find(f->r->store, &(struct store_query){f->query->store, f->filter, opts}, keep, f);
    bson_destroy(opts);
    return err;
}

/* Replaces a document's keys by the document. */
static enum err
take(void *arg, const bson_t *doc)
{
    struct finding *f = arg;

    for (int i = 0; i < f->count; i++) {
        if (bson_oid_equal(doc_id(f->page[i], "_id"), doc_id(doc, "_id"))) {
            bson_destroy(f->page[i]);
            f->page[i] = bson_copy(doc);
        }
    }
    return ERR_NONE;
}

/* {_id: {$in: those of the page}, and the whole filter, in which the right to read is} */
static enum err
find_documents(struct finding *f)
{
    bson_t filter = BSON_INITIALIZER, opts = BSON_INITIALIZER, ids = BSON_INITIALIZER;
    struct doc_array array = {&ids, 0};
    bson_iter_t id;
    enum err err;

    for (int i = 0; i < f->count; i++)
        if (bson_iter_init_find(&id, f->page[i], "_id"))
            doc_array_add_value(&array, &id);
    doc_in(&filter, "_id", &ids);
    bson_destroy(&ids);
    bson_copy_to_excluding_noinit(f->filter, &filter, "_id", NULL);
    bson_copy_to_excluding_noinit(f->query->opts, &opts, "sort", NULL);
    err = store_find(f->r->store, &(struct store_query){f->query->store, &filter, &opts}, take, f);
    bson_destroy(&opts);
    bson_destroy(&filter);
    return err;
}

/* A document that has changed in the meantime and no longer matches is left out. */
static enum err
find_unindexed(struct finding *f)
{
    enum err err = find_keys(f);

    if (err == ERR_NONE && f->count > 0)
        err = find_documents(f);
    for (int i = 0; err == ERR_NONE && i < f->count; i++)
        if (bson_has_field(f->page[i], "rev"))
            err = give(f, f->page[i]);
    return err;
}

/* All that matches the filter, without a cursor. */
static enum err
find_part(struct finding *f, const bson_t *filter)
{
    bson_t *opts = bson_copy(f->query->opts), projects;
    enum err err;

    f->filter = filter;
    f->sort = query_sort(f->query, filter);
    BSON_APPEND_DOCUMENT(opts, "sort", f->sort);
    if (f->query->order->unindexed)
        err = find_unindexed(f);
    else if (is_wide(filter, &projects))
        err = find_wide(f, &projects, opts);
    else
        err =
            store_find(f->r->store, &(struct store_query){f->query->store, filter, opts}, give, f);
    while (f->count > 0)
        bson_destroy(f->page[--f->count]);
    bson_destroy(f->sort);
    bson_destroy(opts);
    return err;
}

/* What follows the cursor, part by part until the page is full. */
static enum err
find_after(struct finding *f, const bson_t *filter)
{
    enum err err = ERR_NONE;

    for (int n = 0; err == ERR_NONE && n < keyset_parts(f->query) && f->given < f->most; n++) {
        bson_t *part = keyset_part(f->query, filter, n);

        if (part != NULL)
            err = find_part(f, part);
        bson_destroy(part);
    }
    return err;
}

enum err
list_find(struct request *r, const struct query *query, const bson_t *filter, store_each each,
          void *arg)
{
    struct finding f = {.r = r, .query = query, .each = each, .arg = arg};

    f.most = query->limit + 1;
    f.page = arena_alloc(r->arena, sizeof(*f.page) * (size_t)(f.most + 1));
    return query->at == NULL ? find_part(&f, filter) : find_after(&f, filter);
}

bool
list_find_streams(const struct query *query)
{
    bson_t projects;

    return !query->order->unindexed && !is_wide(query->filter, &projects);
}
