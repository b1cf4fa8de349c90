/*
 * The order is followed by one query, which ends when the page is full.  Where the documents come
 * only after all have been read (by due time, over very many projects), it is followed in steps, of
 * which each is larger than the one before, so that a page of which most documents match costs
 * little.
 */
#include "api/crud/match_find.h"

#include "api/crud/due_order.h"
#include "api/crud/list_find.h"
#include "api/crud/query.h"
#include "api/http/request.h"
#include "api/schema/doc.h"

#define STEP_FIRST 200 /* documents of the first step, or of one batch */
#define STEP_HEAVY 50
#define STEP_GROWS 4 /* the next step is so many times larger */

struct finding {
    struct request *r;
    const struct query *query; /* of the page */
    const bson_t **found;      /* the fields of those that match */
    int count;
    bool streams;   /* documents come while others are still to be read */
    int step, seen; /* documents of this step: at most, and so far */
    int batch;      /* documents of one reply of the database */
    bson_t *last;   /* the last one examined; NULL: none */
    bson_t *next;   /* the one that follows it; NULL: none */
    store_each each;
    void *arg;
};

static bool
matches(const struct finding *f, const bson_t *doc)
{
    for (const struct query_match *m = f->query->match; m != NULL; m = m->also)
        if (!m->matches(m->arg, doc))
            return false;
    return true;
}

static bool
is_heavy(const struct query *q)
{
    bool heavy = false;

    for (const struct query_match *m = q->match; m != NULL; m = m->also)
        heavy = heavy || m->heavy;
    return heavy;
}

/* Keeps a copy. */
static void
note(bson_t **kept, const bson_t *doc)
{
    bson_destroy(*kept);
    *kept = bson_copy(doc);
}

/* Examines a document.  If the step has ended or the page is full, it ends the query, if it can. */
static enum err
examine(void *arg, const bson_t *doc)
{
    struct finding *f = arg;

    if (f->count == f->query->limit || f->seen == f->step) {
        if (f->next == NULL)
            f->next = bson_copy(doc);
        return f->streams ? ERR_TOO_MUCH : ERR_NONE;
    }
    f->seen++;
    note(&f->last, doc);
    if (matches(f, doc))
        f->found[f->count++] = request_keep(f->r, bson_copy(doc));
    return ERR_NONE;
}

/* The next step, from the query's position. */
static enum err
take_step(struct finding *f, const struct query *from)
{
    struct query q = *from;
    bson_t *opts = bson_new(), fields;
    enum err err;

    BSON_APPEND_DOCUMENT_BEGIN(opts, "projection", &fields);
    for (const struct query_match *m = q.match; m != NULL; m = m->also)
        m->project(m->arg, &fields);
    query_project(&q, &fields);
    bson_append_document_end(opts, &fields);
    BSON_APPEND_INT64(opts, "limit", f->step + 1);
    BSON_APPEND_INT32(opts, "batchSize", f->batch + 1);
    q.limit = f->step;
    q.opts = opts;
    f->seen = 0;
    bson_destroy(f->next);
    f->next = NULL;
    err = q.order->due ? due_order_find(f->r, &q, examine, f)
                       : list_find(f->r, &q, q.filter, examine, f);
    bson_destroy(opts);
    return f->streams && f->next != NULL ? ERR_NONE : err; /* ended by examine() */
}

static enum err
find_matches(struct finding *f, struct query *q)
{
    bool heavy = is_heavy(q);
    int most = heavy ? MATCH_EXAMINED_HEAVY : MATCH_EXAMINED, examined = 0;
    enum err err = ERR_NONE;

    f->batch = heavy ? STEP_HEAVY : STEP_FIRST;
    f->streams = !q->order->due && list_find_streams(q);
    f->step = f->streams ? most : f->batch;
    do {
        if (!f->streams)
            f->batch = f->step;
        err = take_step(f, q);
        examined += f->seen;
        if (err == ERR_NONE && f->last != NULL)
            query_continue(f->r, q, f->last, f->next);
        f->step = f->step * STEP_GROWS < most - examined ? f->step * STEP_GROWS : most - examined;
    } while (err == ERR_NONE && f->next != NULL && f->count < q->limit && f->step > 0);
    return err;
}

/* Replaces the fields of a match by the whole document. */
static enum err
take(void *arg, const bson_t *doc)
{
    struct finding *f = arg;

    for (int i = 0; i < f->count; i++)
        if (bson_oid_equal(doc_id(f->found[i], "_id"), doc_id(doc, "_id")))
            f->found[i] = request_keep(f->r, bson_copy(doc));
    return ERR_NONE;
}

/*
 * {_id: {$in: those of the page}, and the whole filter, in which the right to read is}; one that
 * has changed in the meantime and no longer matches is left out.
 */
static enum err
find_documents(struct finding *f, const bson_t *rest)
{
    bson_t filter = BSON_INITIALIZER, ids = BSON_INITIALIZER;
    struct doc_array array = {&ids, 0};
    enum err err;

    for (int i = 0; i < f->count; i++)
        doc_array_add_id(&array, doc_id(f->found[i], "_id"));
    doc_in(&filter, "_id", &ids);
    bson_copy_to_excluding_noinit(rest, &filter, "_id", NULL);
    err = store_find(f->r->store, &(struct store_query){f->query->store, &filter, NULL}, take, f);
    bson_destroy(&filter);
    bson_destroy(&ids);
    for (int i = 0; err == ERR_NONE && i < f->count; i++)
        if (bson_has_field(f->found[i], "rev") && matches(f, f->found[i]))
            err = f->each(f->arg, f->found[i]);
    return err;
}

enum err
match_find(struct request *r, struct query *query, store_each each, void *arg, bool *more)
{
    struct finding f = {.r = r, .query = query, .each = each, .arg = arg};
    enum err err;

    f.found = arena_alloc(r->arena, sizeof(*f.found) * (size_t)query->limit);
    err = find_matches(&f, query);
    *more = f.next != NULL;
    bson_destroy(f.last);
    bson_destroy(f.next);
    return err == ERR_NONE && f.count > 0 ? find_documents(&f, query->filter) : err;
}
