/*
 * GET /v1/tasks/{id}/history: the events of a task and of its files, newest first.
 */
#include "api/v1/handlers.h"

#include <string.h>

#include "api/access/read_access.h"
#include "api/crud/query.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/event_page.h"
#include "common/change/cursor.h"
#include "common/change/event_log.h"

#define FILES_MAX 99 /* of a task whose events are shown; with the task, 100 scans are merged */

const struct filter history_params[] = {
    {"cursor", NULL, TEXT, CUSTOM, NULL, "nextCursor of the previous page"},
    {"limit", NULL, INTEGER, CUSTOM, NULL, "1 to 200, default 50"},
    {NULL},
};

static enum err
note_id(void *arg, const bson_t *doc)
{
    doc_array_add_id(arg, doc_id(doc, "_id"));
    return ERR_NONE;
}

/* The ids of the task's newest files, deleted ones included; NULL: it never had any. */
static enum err
find_files(struct request *r, const bson_oid_t *task, const bson_t **out)
{
    bson_t *filter = request_keep(r, BCON_NEW("taskId", BCON_OID(task)));
    bson_t *opts = request_keep(r, BCON_NEW("sort", "{", "createdAt", BCON_INT32(-1), "_id",
                                            BCON_INT32(-1), "}", "limit", BCON_INT64(FILES_MAX),
                                            "projection", "{", "_id", BCON_BOOL(true), "}"));
    struct doc_array array = {request_keep(r, bson_new()), 0};
    enum err err = store_find(r->store, &(struct store_query){STORE_ATTACHMENTS, filter, opts},
                              note_id, &array);

    *out = array.count > 0 ? array.bson : NULL;
    return err;
}

/* The number before which a page of history begins. */
static enum err
read_place(struct request *r, const char *topic, int64_t *before)
{
    const char *cursor = request_param(r, "cursor");

    *before = INT64_MAX;
    if (cursor == NULL || cursor_find(cursor, strlen(cursor), r->epoch, topic, before) == CURSOR_OK)
        return ERR_NONE;
    return request_bad_param(r, "cursor", "must be the nextCursor of a page of this list");
}

static void
write_history(struct request *r, const char *topic, const struct event_page *e)
{
    struct text *out = reply_json(r, 200);

    text_puts(out, "{\"items\":");
    event_page_write(e, out);
    text_puts(out, ",\"nextCursor\":");
    if (e->full)
        event_page_cursor(r, out, topic, e->last);
    else
        text_puts(out, "null");
    text_putc(out, '}');
}

enum err
history_read(struct request *r)
{
    struct text items = {0};
    struct event_page e = {.items = &items};
    const bson_t *task, *files;
    const char *topic;
    bson_oid_t id;
    int64_t before;
    enum err err;

    if ((err = request_number(r, &query_limit, &e.limit)) != ERR_NONE ||
        (err = request_id_arg(r, 0, &id)) != ERR_NONE ||
        (err = read_access_find(r, STORE_TASKS, &id, &task)) != ERR_NONE)
        return err;
    topic = request_project_topic(r, doc_id(task, "projectId"));
    if ((err = read_place(r, topic, &before)) != ERR_NONE ||
        (err = request_params_done(r)) != ERR_NONE ||
        (err = find_files(r, &id, &files)) != ERR_NONE)
        return err;
    err =
        event_log_entity(r->store, &(struct event_history){topic, &id, before, e.limit + 1, files},
                         event_page_add, &e);
    if (err == ERR_NONE || e.full) {
        write_history(r, topic, &e);
        err = ERR_NONE;
    }
    text_free(&items);
    return err;
}
