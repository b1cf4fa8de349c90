/*
 * The titles of all matches are compared with the query, the best are kept in order and then read
 * whole.
 */
#include "api/v1/tasks/rank.h"

#include <stdlib.h>
#include <string.h>

#include "api/crud/query.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/text/terms.h"
#include "common/text/unicode.h"

#define BATCH 5000 /* documents in one batch */

struct ranked {
    bson_oid_t id;
    int words; /* of the query in the title; one more if it is the whole title */
    int64_t changed;
    const bson_t *doc; /* NULL: it has gone, or no longer matches */
};

struct ranking {
    struct request *r;
    const struct query *query;
    const char *q, *folded;
    struct ranked *best; /* in order */
    int count, seen;
};

static int
compare(const struct ranked *a, const struct ranked *b)
{
    if (a->words != b->words)
        return a->words > b->words ? -1 : 1;
    if (a->changed != b->changed)
        return a->changed > b->changed ? -1 : 1;
    return bson_oid_compare(&a->id, &b->id);
}

static bool
matches(const struct query *q, const bson_t *task)
{
    for (const struct query_match *m = q->match; m != NULL; m = m->also)
        if (!m->matches(m->arg, task))
            return false;
    return true;
}

static int
words_in(const struct ranking *k, const char *title)
{
    char *folded = unicode_fold(title);
    int words = terms_found(k->q, title) + (strcmp(folded, k->folded) == 0);

    free(folded);
    return words;
}

/* Inserts a task in order; what is pushed past the end is dropped. */
static enum err
rank_task(void *arg, const bson_t *task)
{
    struct ranking *k = arg;
    struct ranked one = {.id = *doc_id(task, "_id")};
    int at = k->count;

    if (++k->seen > RANK_MAX)
        return request_bad_param(k->r, "q", "is found in more than 20,000 tasks, too many to rank");
    if (!matches(k->query, task))
        return ERR_NONE;
    one.words = words_in(k, doc_text(task, "title"));
    doc_time(task, "updatedAt", &one.changed);
    while (at > 0 && compare(&one, &k->best[at - 1]) < 0)
        at--;
    if (at == k->query->limit)
        return ERR_NONE;
    if (k->count < k->query->limit)
        k->count++;
    memmove(&k->best[at + 1], &k->best[at], (size_t)(k->count - 1 - at) * sizeof(one));
    k->best[at] = one;
    return ERR_NONE;
}

static enum err
find_best(struct ranking *k)
{
    bson_t opts = BSON_INITIALIZER, fields;
    enum err err;

    BSON_APPEND_DOCUMENT_BEGIN(&opts, "projection", &fields);
    for (const struct query_match *m = k->query->match; m != NULL; m = m->also)
        m->project(m->arg, &fields);
    if (!bson_has_field(&fields, "title"))
        BSON_APPEND_INT32(&fields, "title", 1);
    if (!bson_has_field(&fields, "updatedAt"))
        BSON_APPEND_INT32(&fields, "updatedAt", 1);
    bson_append_document_end(&opts, &fields);
    BSON_APPEND_INT64(&opts, "limit", RANK_MAX + 1);
    BSON_APPEND_INT32(&opts, "batchSize", BATCH);
    err = store_find(k->r->store, &(struct store_query){k->query->store, k->query->filter, &opts},
                     rank_task, k);
    bson_destroy(&opts);
    return err;
}

static enum err
take(void *arg, const bson_t *task)
{
    struct ranking *k = arg;

    for (int i = 0; i < k->count; i++)
        if (bson_oid_equal(&k->best[i].id, doc_id(task, "_id")) && matches(k->query, task))
            k->best[i].doc = request_keep(k->r, bson_copy(task));
    return ERR_NONE;
}

/* {_id: {$in: the best}, and the whole filter, in which the right to read is} */
static enum err
find_documents(struct ranking *k)
{
    bson_t filter = BSON_INITIALIZER, ids = BSON_INITIALIZER;
    struct doc_array array = {&ids, 0};
    enum err err;

    for (int i = 0; i < k->count; i++)
        doc_array_add_id(&array, &k->best[i].id);
    doc_in(&filter, "_id", &ids);
    bson_copy_to_excluding_noinit(k->query->filter, &filter, "_id", NULL);
    err = store_find(k->r->store, &(struct store_query){k->query->store, &filter, NULL}, take, k);
    bson_destroy(&filter);
    bson_destroy(&ids);
    return err;
}

enum err
rank_find(struct request *r, const struct query *query, store_each each, void *arg)
{
    struct ranking k = {.r = r, .query = query, .q = request_param(r, "q")};
    char *folded = unicode_fold(k.q);
    enum err err;

    k.folded = folded;
    k.best = arena_alloc(r->arena, ((size_t)query->limit + 1) * sizeof(*k.best));
    err = find_best(&k);
    if (err == ERR_NONE && k.count > 0)
        err = find_documents(&k);
    for (int i = 0; err == ERR_NONE && i < k.count; i++)
        if (k.best[i].doc != NULL)
            err = each(arg, k.best[i].doc);
    free(folded);
    return err;
}
