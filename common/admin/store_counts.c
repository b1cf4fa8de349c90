/*
 * One pass over all tasks, with a query for each kind of thing that each of them has.
 */
#include "common/admin/store_counts.h"

#include "common/log.h"
#include "common/store/store.h"
#include "common/text/doc.h"

#define READ_MS 86400000 /* time limit for the whole pass */

struct pass {
    mongoc_collection_t *tasks, *comments, *attachments;
    bson_error_t error;
    long corrected;
};

struct found {
    int64_t done, total, comments, attachments;
};

/* Counts the documents that have the id in a field and are not in the trash, and those completed.
 */
static bool
count(struct pass *p, mongoc_collection_t *coll, const char *field, const bson_oid_t *id,
      struct found *out)
{
    bson_t *filter = BCON_NEW(field, BCON_OID(id), "deletedAt", BCON_NULL);
    bson_t *opts = BCON_NEW("projection", "{", "completedAt", BCON_INT32(1), "}");
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(coll, filter, opts, NULL);
    const bson_t *doc;
    bool ok;

    *out = (struct found){0};
    while (mongoc_cursor_next(cursor, &doc)) {
        out->total++;
        out->done += doc_has(doc, "completedAt");
    }
    ok = !mongoc_cursor_error(cursor, &p->error);
    mongoc_cursor_destroy(cursor);
    bson_destroy(opts);
    bson_destroy(filter);
    return ok;
}

static bool
is_right(const bson_t *task, const struct found *f)
{
    return bson_has_field(task, STORE_COUNTED) && doc_int_at(task, "subtasks.done") == f->done &&
           doc_int_at(task, "subtasks.total") == f->total &&
           doc_int(task, "comments") == f->comments &&
           doc_int(task, "attachments") == f->attachments;
}

/* Sets the counters of a task, if they are still those that were read. */
static bool
set(struct pass *p, const bson_t *task, const struct found *f)
{
    bson_t *filter = BCON_NEW("_id", BCON_OID(doc_id(task, "_id"))), *update;
    bson_iter_t counted;
    bool ok;

    if (bson_iter_init_find(&counted, task, STORE_COUNTED))
        bson_append_iter(filter, NULL, 0, &counted);
    else
        BSON_APPEND_NULL(filter, STORE_COUNTED);
    update = BCON_NEW("$set", "{", "subtasks", "{", "done", BCON_INT64(f->done), "total",
                      BCON_INT64(f->total), "}", "comments", BCON_INT64(f->comments), "attachments",
                      BCON_INT64(f->attachments), STORE_COUNTED,
                      BCON_INT64(doc_int(task, STORE_COUNTED) + 1), "}");
    ok = mongoc_collection_update_one(p->tasks, filter, update, NULL, NULL, &p->error);
    p->corrected++;
    bson_destroy(update);
    bson_destroy(filter);
    return ok;
}

static bool
correct(struct pass *p, const bson_t *task)
{
    const bson_oid_t *id = doc_id(task, "_id");
    struct found subtasks, comments, attachments;

    if (!count(p, p->tasks, "parentId", id, &subtasks) ||
        !count(p, p->comments, "taskId", id, &comments) ||
        !count(p, p->attachments, "taskId", id, &attachments))
        return false;
    subtasks.comments = comments.total;
    subtasks.attachments = attachments.total;
    return is_right(task, &subtasks) || set(p, task, &subtasks);
}

enum err
store_counts_correct(mongoc_client_t *client, const char *database)
{
    struct pass p = {
        mongoc_client_get_collection(client, database, store_names[STORE_TASKS]),
        mongoc_client_get_collection(client, database, store_names[STORE_COMMENTS]),
        mongoc_client_get_collection(client, database, store_names[STORE_ATTACHMENTS]),
    };
    bson_t all = BSON_INITIALIZER;
    bson_t *opts = BCON_NEW("maxTimeMS", BCON_INT64(READ_MS), "projection", "{", "subtasks",
                            BCON_INT32(1), "comments", BCON_INT32(1), "attachments", BCON_INT32(1),
                            STORE_COUNTED, BCON_INT32(1), "}");
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(p.tasks, &all, opts, NULL);
    const bson_t *task;
    bool ok = true;

    while (ok && mongoc_cursor_next(cursor, &task))
        ok = correct(&p, task);
    ok = ok && !mongoc_cursor_error(cursor, &p.error);
    if (!ok)
        log_error("migrate: counting: %s", p.error.message);
    else if (p.corrected > 0)
        log_info("migrate: corrected the counters of %ld tasks", p.corrected);
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(p.tasks);
    mongoc_collection_destroy(p.comments);
    mongoc_collection_destroy(p.attachments);
    bson_destroy(opts);
    return ok ? ERR_NONE : ERR_STORE;
}
