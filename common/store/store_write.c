/*
 * Storing, changing and removing documents.
 */
#include "common/log.h"

#include "common/base/must.h"
#include "common/store/store_gather.h"
#include "common/store/store_inside.h"
#include "common/text/doc.h"

enum writing { INSERT, INSERT_MANY, UPDATE, UPDATE_MANY, UPDATES, REPLACE, REMOVE, REMOVE_MANY };

struct write {
    enum store_name name;
    enum writing what;
    const bson_t *filter, *doc; /* doc: the update, or the new document */
    const bson_t **docs;
    const struct store_statement *statements;
    size_t count;
};

/* Several updates in one command (the driver groups adjacent updates of one kind), run in order. */
static bool
update_in_order(mongoc_collection_t *to, const struct write *w, const bson_t *opts, bson_t *reply,
                bson_error_t *error)
{
    mongoc_bulk_operation_t *bulk = mongoc_collection_create_bulk_operation_with_opts(to, opts);
    bool ok = true;

    for (size_t i = 0; ok && i < w->count; i++) {
        const struct store_statement *one = &w->statements[i];

        ok = one->whole ? mongoc_bulk_operation_replace_one_with_opts(bulk, one->filter, one->doc,
                                                                      NULL, error)
                        : mongoc_bulk_operation_update_one_with_opts(bulk, one->filter, one->doc,
                                                                     NULL, error);
    }
    if (ok)
        ok = mongoc_bulk_operation_execute(bulk, reply, error) != 0;
    else
        bson_init(reply);
    mongoc_bulk_operation_destroy(bulk);
    return ok;
}

static bool
write_once(struct store *s, const struct write *w, bson_t *reply, bson_error_t *error)
{
    mongoc_collection_t *to = s->collections[w->name];
    const bson_t *opts = s->open ? s->in_session : NULL;

    switch (w->what) {
    case INSERT:
        return mongoc_collection_insert_one(to, w->doc, opts, reply, error);
    case INSERT_MANY:
        return mongoc_collection_insert_many(to, w->docs, w->count, opts, reply, error);
    case UPDATE:
        return mongoc_collection_update_one(to, w->filter, w->doc, opts, reply, error);
    case UPDATE_MANY:
        return mongoc_collection_update_many(to, w->filter, w->doc, opts, reply, error);
    case UPDATES:
        return update_in_order(to, w, opts, reply, error);
    case REPLACE:
        return mongoc_collection_replace_one(to, w->filter, w->doc, opts, reply, error);
    case REMOVE:
        return mongoc_collection_delete_one(to, w->filter, opts, reply, error);
    case REMOVE_MANY:
        return mongoc_collection_delete_many(to, w->filter, opts, reply, error);
    }
    must_not_happen("store: an unknown kind of write");
}

/* How many documents matched, under either of the driver's two names for it. */
static int64_t
matched_in(const bson_t *reply)
{
    return bson_has_field(reply, "nMatched") ? doc_int(reply, "nMatched")
                                             : doc_int(reply, "matchedCount");
}

static enum err
run_write(struct store *s, const struct write *w, int64_t *matched)
{
    bson_error_t error;
    bson_t reply;
    int tries = 0;
    enum err err = store_gather_before(s, w->name);

    if ((w->what == UPDATE_MANY || w->what == REMOVE_MANY || w->what == UPDATES) && !s->open)
        must_not_happen("store: a write of many documents outside a transaction");
    if (matched != NULL)
        *matched = 0;
    if (err != ERR_NONE)
        return err;
    for (;;) {
        if (store_left(s, 1) == 0) {
            log_warn("store: %s: the request's deadline has passed", store_names[w->name]);
            return ERR_BUSY;
        }
        err = write_once(s, w, &reply, &error) ? ERR_NONE : store_error(s, w->name, &error, &reply);
        if (err == ERR_NONE || !store_wait(s, &tries, &error, false))
            break;
        bson_destroy(&reply);
    }
    if (matched != NULL && err == ERR_NONE)
        *matched = matched_in(&reply);
    bson_destroy(&reply);
    return err;
}

enum err
store_insert(struct store *s, enum store_name name, const bson_t *doc)
{
    struct write w = {.name = name, .what = INSERT, .doc = doc};

    return run_write(s, &w, NULL);
}

enum err
store_insert_many(struct store *s, enum store_name name, const bson_t **docs, size_t count)
{
    struct write w = {.name = name, .what = INSERT_MANY, .docs = docs, .count = count};

    return count == 0 ? ERR_NONE : run_write(s, &w, NULL);
}

enum err
store_update(struct store *s, enum store_name name, const bson_t *filter, const bson_t *update,
             int64_t *matched)
{
    struct write w = {.name = name, .what = UPDATE, .filter = filter, .doc = update};

    return run_write(s, &w, matched);
}

enum err
store_update_many(struct store *s, enum store_name name, const bson_t *filter, const bson_t *update,
                  int64_t *matched)
{
    struct write w = {.name = name, .what = UPDATE_MANY, .filter = filter, .doc = update};

    return run_write(s, &w, matched);
}

enum err
store_update_each(struct store *s, enum store_name name, const struct store_statement *statements,
                  size_t count, int64_t *matched)
{
    struct write w = {.name = name, .what = UPDATES, .statements = statements, .count = count};

    return run_write(s, &w, matched);
}

enum err
store_replace(struct store *s, enum store_name name, const bson_t *filter, const bson_t *doc,
              int64_t *matched)
{
    struct write w = {.name = name, .what = REPLACE, .filter = filter, .doc = doc};

    return run_write(s, &w, matched);
}

enum err
store_remove(struct store *s, enum store_name name, const bson_t *filter)
{
    struct write w = {.name = name, .what = REMOVE, .filter = filter};

    return run_write(s, &w, NULL);
}

enum err
store_remove_many(struct store *s, enum store_name name, const bson_t *filter)
{
    struct write w = {.name = name, .what = REMOVE_MANY, .filter = filter};

    return run_write(s, &w, NULL);
}
