/*
 * Finding documents.
 */
#include "common/base/must.h"
#include "common/log.h"
#include "common/store/store_gather.h"
#include "common/store/store_inside.h"

#define READ_MS 5000 /* after this the server ends a read */

/* The options, with the session if a transaction is open; the caller destroys *out. */
static const bson_t *
with_session(struct store *s, const bson_t *opts, bson_t *out)
{
    bson_init(out);
    if (opts != NULL)
        bson_concat(out, opts);
    if (s->open)
        bson_concat(out, s->in_session);
    return out;
}

/* A find, or an aggregation if there is a pipeline. */
struct reading {
    enum store_name name;
    const bson_t *filter, *opts, *pipeline;
    const char *level; /* the level of its read concern; NULL: the pool's */
    store_each each;
    void *arg;
};

/* The same for a read, with a time limit. */
static void
for_read(struct store *s, const struct reading *r, long limit, bson_t *out)
{
    bson_t concern;

    with_session(s, r->opts, out);
    BSON_APPEND_INT64(out, "maxTimeMS", limit);
    if (r->level != NULL) {
        BSON_APPEND_DOCUMENT_BEGIN(out, "readConcern", &concern);
        BSON_APPEND_UTF8(&concern, "level", r->level);
        bson_append_document_end(out, &concern);
    }
}

/* Passes each document on; false with *error if the database failed before the first one. */
static bool
drain(struct store *s, const struct reading *r, mongoc_cursor_t *cursor, enum err *err,
      bson_error_t *error)
{
    const bson_t *doc, *reply = NULL;
    bool full = false, begun = false, failed;

    *err = ERR_NONE;
    while (*err == ERR_NONE && !(full = store_over_limit(s)) && mongoc_cursor_next(cursor, &doc)) {
        begun = true;
        *err = r->each(r->arg, doc);
    }
    if (*err == ERR_NONE && full)
        *err = ERR_TOO_MUCH;
    failed = *err == ERR_NONE && mongoc_cursor_error_document(cursor, error, &reply);
    if (failed)
        *err = store_error(s, r->name, error, reply);
    mongoc_cursor_destroy(cursor);
    return !failed || begun;
}

static enum err
run_reading(struct store *s, const struct reading *r)
{
    mongoc_collection_t *from = s->collections[r->name];
    bson_error_t error;
    int tries = 0;
    enum err err = store_gather_flush(s);
    bool done;

    if (err != ERR_NONE)
        return err;
    do {
        long limit = store_left(s, READ_MS);
        mongoc_cursor_t *cursor;
        bson_t opts;

        if (limit == 0) {
            log_warn("store: %s: the request's deadline has passed", store_names[r->name]);
            return ERR_BUSY;
        }
        for_read(s, r, limit, &opts);
        cursor =
            r->pipeline == NULL
                ? mongoc_collection_find_with_opts(from, r->filter, &opts, NULL)
                : mongoc_collection_aggregate(from, MONGOC_QUERY_NONE, r->pipeline, &opts, NULL);
        bson_destroy(&opts);
        done = drain(s, r, cursor, &err, &error);
    } while (!done && store_wait(s, &tries, &error, true));
    return err;
}

enum err
store_find(struct store *s, const struct store_query *q, store_each each, void *arg)
{
    struct reading r = {
        .name = q->name, .filter = q->filter, .opts = q->opts, .each = each, .arg = arg};

    return run_reading(s, &r);
}

enum err
store_aggregate(struct store *s, enum store_name name, const bson_t *pipeline, store_each each,
                void *arg)
{
    struct reading r = {.name = name, .pipeline = pipeline, .each = each, .arg = arg};

    return run_reading(s, &r);
}

static enum err
keep_first(void *arg, const bson_t *doc)
{
    bson_t **out = arg;

    if (*out == NULL)
        *out = bson_copy(doc);
    return ERR_NONE;
}

static enum err
get(struct store *s, struct reading *r, const bson_t *opts, bson_t **out)
{
    bson_t one;
    enum err err;

    *out = NULL;
    bson_init(&one);
    if (opts != NULL)
        bson_concat(&one, opts);
    BSON_APPEND_INT64(&one, "limit", 1);
    BSON_APPEND_BOOL(&one, "singleBatch", true);
    r->opts = &one;
    r->each = keep_first;
    r->arg = out;
    err = run_reading(s, r);
    bson_destroy(&one);
    if (err != ERR_NONE) {
        if (*out != NULL)
            bson_destroy(*out);
        *out = NULL;
        return err;
    }
    return *out == NULL ? ERR_NOT_FOUND : ERR_NONE;
}

enum err
store_get(struct store *s, enum store_name name, const bson_t *filter, const bson_t *opts,
          bson_t **out)
{
    struct reading r = {.name = name, .filter = filter};

    return get(s, &r, opts, out);
}

enum err
store_get_newest(struct store *s, enum store_name name, const bson_t *filter, bson_t **out)
{
    struct reading r = {
        .name = name, .filter = filter, .level = MONGOC_READ_CONCERN_LEVEL_LINEARIZABLE};

    if (s->open)
        must_not_happen("store: a linearizable read within a transaction");
    return get(s, &r, NULL, out);
}
