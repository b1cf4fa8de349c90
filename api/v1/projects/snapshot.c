/*
 * GET /v1/projects/{id}/snapshot: a project with its tasks, which a client keeps up to date with
 * the events after it.
 */
#include "api/v1/handlers.h"

#include "api/access/project_access.h"
#include "api/crud/entity.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/event_page.h"
#include "api/v1/projects/members.h"
#include "api/v1/projects/projects.h"
#include "api/v1/projects/snapshot_past.h"
#include "api/v1/tasks/attachments.h"
#include "api/v1/tasks/tasks.h"
#include "common/change/event_log.h"

#define BATCH 1000 /* documents per batch; the server's default is 16 MiB */

/* clang-format off */
static const struct field omitted_fields[] = {
    {"entity", TEXT, 0},
    {"id",     REF,  0},
    {"fields", ANY,  0, .about = "those that are as they are now; none: the whole entity is missing"},
    {NULL},
};
static const struct field snapshot_fields[] = {
    {"project", NESTED,  0, .items = project_fields},
    {"seq",     INTEGER, 0, .about = "the number of the last event in it"},
    {"cursor",  TEXT,    0, .about = "the events after it bring the snapshot up to date"},
    {"members", OBJECTS, 0, .items = member_fields},
    {"tasks",   OBJECTS, 0, .items = task_fields},
    {"attachments", OBJECTS, 0, .items = attachment_fields},
    {"omitted", OBJECTS, VIRTUAL, .items = omitted_fields, .about = "with at: what the log no longer tells"},
    {NULL},
};
/* clang-format on */

const struct shape snapshot_shape = {"Snapshot", snapshot_fields};

const struct filter snapshot_params[] = {
    {"at", NULL, TEXT, CUSTOM, NULL,
     "the number or the cursor of an event, at most 5000 events back: the project as it was then"},
    {NULL},
};

struct writing {
    struct request *r;
    struct text *out;
    const struct shape *shape;
    int count;
};

static enum err
write_one(void *arg, const bson_t *doc)
{
    struct writing *w = arg;

    if (w->count++ > 0)
        text_putc(w->out, ',');
    doc_write(w->out, w->shape, doc);
    reply_flush(w->r);
    return ERR_NONE;
}

/* The project's entities of one kind that are not in the trash, as a member of that name. */
static enum err
write_entities(struct writing *w, const char *name, const struct resource *kind,
               const bson_oid_t *project)
{
    bson_t *filter = request_keep(
        w->r, kind == &tasks ? tasks_untrashed(project)
                             : BCON_NEW("projectId", BCON_OID(project), "deletedAt", BCON_NULL));
    bson_t *opts = request_keep(w->r, BCON_NEW("batchSize", BCON_INT32(BATCH)));

    w->count = 0;
    w->shape = kind->shape;
    text_printf(w->out, "],\"%s\":[", name);
    return store_find(w->r->store, &(struct store_query){kind->store, filter, opts}, write_one, w);
}

enum err
snapshot_read(struct request *r)
{
    struct writing w = {.r = r};
    const bson_t *project;
    const char *topic, *json, *at = request_param(r, "at");
    bson_oid_t id;
    int64_t seq;
    enum err err, head;

    if ((err = request_id_arg(r, 0, &id)) != ERR_NONE || (err = request_params_done(r)) != ERR_NONE)
        return err;
    if (at != NULL)
        return snapshot_past(r, &id, at);
    topic = request_project_topic(r, &id);
    /* The cursor comes first: data read after it may be newer, never older. */
    head = event_log_head(r->store, topic, &seq);
    if (head != ERR_NONE && head != ERR_NOT_FOUND)
        return head;
    if ((err = project_access_living(r, &id, ACTION_READ, &project)) != ERR_NONE ||
        (err = head) != ERR_NONE || (err = entity_reply(r, 200, &projects, project)) != ERR_NONE)
        return err;
    json = arena_copy(r->arena, r->reply.body.bytes, r->reply.body.len);
    w.out = reply_json(r, 200);
    r->reply.etag = NULL;
    text_puts(w.out, "{\"project\":");
    text_puts(w.out, json);
    text_printf(w.out, ",\"seq\":%lld,\"cursor\":", (long long)seq);
    event_page_cursor(r, w.out, topic, seq);
    text_puts(w.out, ",\"members\":[");
    if ((err = members_write(r, w.out, project, "")) != ERR_NONE ||
        (err = write_entities(&w, "tasks", &tasks, &id)) != ERR_NONE ||
        (err = write_entities(&w, "attachments", &attachments, &id)) != ERR_NONE)
        return err;
    text_puts(w.out, "]}");
    return err;
}
