/*
 * One pass over each collection, and an update for each document that needs it.
 */
#include "common/admin/store_rewrite.h"

#include "common/log.h"
#include "common/store/derived.h"
#include "common/store/store.h"

#define READ_MS 86400000 /* time limit for a whole pass */

/* Sets a document's missing fields if it has not changed since it was read. */
static bool
rewrite_one(mongoc_collection_t *coll, const bson_t *doc, const bson_t *set, bson_error_t *error)
{
    bson_t filter = BSON_INITIALIZER, *update = BCON_NEW("$set", BCON_DOCUMENT(set));
    bson_iter_t iter;
    bool ok;

    if (bson_iter_init_find(&iter, doc, "_id"))
        bson_append_iter(&filter, NULL, 0, &iter);
    if (bson_iter_init_find(&iter, doc, "rev"))
        bson_append_iter(&filter, NULL, 0, &iter);
    ok = mongoc_collection_update_one(coll, &filter, update, NULL, NULL, error);
    bson_destroy(update);
    bson_destroy(&filter);
    return ok;
}

static enum err
rewrite_all(mongoc_client_t *client, const char *database, enum store_name name,
            bool (*derive)(const bson_t *doc, bson_t *set))
{
    mongoc_collection_t *coll = mongoc_client_get_collection(client, database, store_names[name]);
    bson_t all = BSON_INITIALIZER, *opts = BCON_NEW("maxTimeMS", BCON_INT64(READ_MS));
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(coll, &all, opts, NULL);
    bson_error_t error;
    const bson_t *doc;
    long count = 0;
    bool ok = true;

    while (ok && mongoc_cursor_next(cursor, &doc)) {
        bson_t set = BSON_INITIALIZER;

        if (derive(doc, &set)) {
            ok = rewrite_one(coll, doc, &set, &error);
            count++;
        }
        bson_destroy(&set);
    }
    ok = ok && !mongoc_cursor_error(cursor, &error);
    if (!ok)
        log_error("migrate: %s: %s", store_names[name], error.message);
    else if (count > 0)
        log_info("migrate: %s: rewrote %ld documents", store_names[name], count);
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(coll);
    bson_destroy(opts);
    bson_destroy(&all);
    return ok ? ERR_NONE : ERR_STORE;
}

enum err
store_rewrite_derived(mongoc_client_t *client, const char *database)
{
    enum err err = rewrite_all(client, database, STORE_TASKS, derived_task);

    if (err == ERR_NONE)
        err = rewrite_all(client, database, STORE_COMMENTS, derived_comment);
    return err == ERR_NONE ? rewrite_all(client, database, STORE_PROJECTS, derived_project) : err;
}
