/*
 * /v1/projects/{id}/snapshot and /events, /v1/tasks/{id}/history: what a live
 * client starts from, and the log read over HTTP.
 */
#include "api/v1/handlers.h"

#include <stdlib.h>
#include <string.h>

#include "api/crud.h"
#include "api/doc.h"
#include "api/parking.h"
#include "api/query.h"
#include "api/readable.h"
#include "api/reply.h"
#include "api/request.h"
#include "api/v1/members.h"
#include "api/v1/projects.h"
#include "api/v1/tasks.h"
#include "common/cursor.h"
#include "common/event_log.h"

#define EVENTS_LIMIT     100
#define EVENTS_LIMIT_MAX 1000
#define EVENTS_BYTES     1048576 /* of one page; the next one goes on behind it */
#define SNAPSHOT_BATCH   1000    /* tasks held at once; the server's own choice is 16 MiB */

/* clang-format off */
static const struct field snapshot_fields[] = {
    {"project", NESTED,  0, .items = project_fields},
    {"cursor",  TEXT,    0, .about = "events after it bring the snapshot up to date"},
    {"members", OBJECTS, 0, .items = member_fields},
    {"tasks",   OBJECTS, 0, .items = task_fields},
    {NULL},
};
static const struct field event_fields[] = {
    {"topic",    TEXT,    0},
    {"seq",      INTEGER, 0, .about = "dense within the topic"},
    {"cursor",   TEXT,    0},
    {"kind",     TEXT,    0},
    {"actorId",  REF,     NULLABLE},
    {"at",       INSTANT, 0},
    {"entity",   TEXT,    0},
    {"entityId", REF,     0},
    {"rev",      INTEGER, 0},
    {"changes",  ANY,     NULLABLE, .about = "field: [before, after], or null where these are long; null: too many"},
    {"dataOmitted", FLAG, VIRTUAL, .about = "true: the entity is too large for an event, get it by its id"},
    {"data",     ANY,     NULLABLE, .about = "the entity after the change"},
    {NULL},
};
static const struct field events_fields[] = {
    {"items",      OBJECTS, 0, .items = event_fields},
    {"nextCursor", TEXT,    0},
    {"resync",     ANY,     0, .about = "false, or why the reader must start from a snapshot"},
    {NULL},
};
/* clang-format on */

const struct filter event_params[] = {
    {"since", NULL, TEXT, CUSTOM, NULL, "a cursor; none: from the beginning of what is kept"},
    {"limit", NULL, INTEGER, CUSTOM, NULL, "1 to 1000; 100 when not given"},
    {"wait", NULL, INTEGER, CUSTOM, NULL, "seconds, to 25, to wait when there is none yet"},
    {NULL},
};

const struct filter history_params[] = {
    {"cursor", NULL, TEXT, CUSTOM, NULL, "nextCursor of the page before"},
    {"limit", NULL, INTEGER, CUSTOM, NULL, "1 to 200; 50 when not given"},
    {NULL},
};

const struct shape snapshot_shape = {"Snapshot", snapshot_fields};
const struct shape event_shape = {"Event", event_fields};
const struct shape events_shape = {"Events", events_fields};

struct writing {
    struct request *r;
    struct text *out;
    int count;
};

static enum err
write_task(void *arg, const bson_t *doc)
{
    struct writing *w = arg;

    if (w->count++ > 0)
        text_putc(w->out, ',');
    doc_write(w->out, tasks.shape, doc);
    reply_flush(w->r);
    return ERR_NONE;
}

static void
write_cursor(struct request *r, struct text *out, const char *topic, int64_t seq)
{
    text_putc(out, '"');
    cursor_write_one(out, r->epoch, topic, seq);
    text_putc(out, '"');
}

/* The project that the path names, if the caller may see it and it is not in the trash. */
static enum err
visible_project(struct request *r, bson_oid_t *id, const bson_t **project)
{
    enum err err = request_id_arg(r, 0, id);

    if (err == ERR_NONE)
        err = crud_project(r, id, ACTION_READ, project);
    return err == ERR_NONE && doc_has(*project, "deletedAt") ? ERR_NOT_FOUND : err;
}

enum err
live_snapshot(struct request *r)
{
    struct writing w = {.r = r};
    const bson_t *project;
    const char *topic, *json;
    bson_t *filter, *opts;
    bson_oid_t id;
    int64_t seq;
    enum err err;

    if ((err = request_id_arg(r, 0, &id)) != ERR_NONE || (err = request_params_done(r)) != ERR_NONE)
        return err;
    topic = request_project_topic(r, &id);
    /* The cursor before all else: what is read after it may be newer, never older. */
    if ((err = event_log_head(r->store, topic, &seq)) != ERR_NONE ||
        (err = visible_project(r, &id, &project)) != ERR_NONE ||
        (err = crud_reply(r, 200, &projects, project)) != ERR_NONE)
        return err;
    json = arena_copy(r->arena, r->reply.body.bytes, r->reply.body.len);
    w.out = reply_json(r, 200);
    r->reply.etag = NULL;
    text_puts(w.out, "{\"project\":");
    text_puts(w.out, json);
    text_puts(w.out, ",\"cursor\":");
    write_cursor(r, w.out, topic, seq);
    text_puts(w.out, ",\"members\":[");
    if ((err = members_write(r, w.out, project, "")) != ERR_NONE)
        return err;
    text_puts(w.out, "],\"tasks\":[");
    filter = request_keep(r, BCON_NEW("projectId", BCON_OID(&id), "deletedAt", BCON_NULL));
    opts = request_keep(r, BCON_NEW("batchSize", BCON_INT32(SNAPSHOT_BATCH)));
    err = store_find(r->store, STORE_TASKS, filter, opts, write_task, &w);
    text_puts(w.out, "]}");
    return err;
}

struct reading {
    struct text *out;
    int count, limit;
    bool dense; /* a hole in the log ends the page */
    bool full;  /* the page has ended, and there are more */
    int64_t first, last;
};

/* A frame without its "op"; ERR_TOO_LARGE when it is not for this page. */
static enum err
write_event(void *arg, const struct event_item *item)
{
    struct reading *e = arg;
    size_t skip = sizeof(EVENT_FRAME_START) - 1;

    e->full = e->count == e->limit || (e->count > 0 && e->out->len + item->len > EVENTS_BYTES) ||
              (e->count > 0 && e->dense && item->seq != e->last + 1);
    if (e->full)
        return ERR_TOO_LARGE;
    if (e->count++ > 0)
        text_putc(e->out, ',');
    else
        e->first = item->seq;
    text_putc(e->out, '{');
    text_add(e->out, item->frame + skip, item->len - skip);
    e->last = item->seq;
    return ERR_NONE;
}

/* A whole number from low to high; `fallback` when the parameter is not given. */
static enum err
read_count(struct request *r, const char *name, long low, long high, int fallback, int *out)
{
    const char *value = request_param(r, name);
    char *end;
    long n;

    *out = fallback;
    if (value == NULL)
        return ERR_NONE;
    n = strtol(value, &end, 10);
    if (*value < '0' || *value > '9' || *end != '\0' || n < low || n > high)
        return request_bad_param(
            r, name, arena_printf(r->arena, "must be a whole number from %ld to %ld", low, high));
    *out = (int)n;
    return ERR_NONE;
}

/* Why the events after a cursor cannot be given; NULL: they can. */
static const char *
judge_cursor(struct request *r, const char *since, const char *topic, int64_t head, int64_t *after)
{
    *after = 0;
    if (since == NULL)
        return NULL;
    switch (cursor_find(since, strlen(since), r->epoch, topic, after)) {
    case CURSOR_OK:
        return *after > head ? "future" : NULL;
    case CURSOR_OTHER_EPOCH:
        return "epoch";
    default:
        return "bad-cursor";
    }
}

/*
 * The whole answer: items, or nothing but the reason to start anew.  A hole ends a page, and is
 * what the next one begins with.
 */
static enum err
write_events(struct request *r, const char *topic, int64_t head, int64_t after, const char *reason,
             int limit)
{
    struct text items = {0}, *out;
    struct reading e = {.out = &items, .limit = limit, .dense = true, .last = after};
    enum err err = ERR_NONE;

    if (reason == NULL && after < head) {
        err = event_log_read(r->store, topic, after, limit, write_event, &e);
        if (e.full)
            err = ERR_NONE;
        /* Without `since` the log is told from where it begins now. */
        if (e.count == 0 || (e.first != after + 1 && request_param(r, "since") != NULL))
            reason = "trimmed";
    }
    if (reason != NULL) {
        text_clear(&items);
        e.last = head;
    }
    out = reply_json(r, 200);
    text_puts(out, "{\"items\":[");
    text_add(out, items.bytes == NULL ? "" : items.bytes, items.len);
    text_puts(out, "],\"nextCursor\":");
    write_cursor(r, out, topic, e.last);
    text_printf(out, reason == NULL ? ",\"resync\":false}" : ",\"resync\":\"%s\"}", reason);
    text_free(&items);
    return err;
}

enum err
live_events(struct request *r)
{
    const char *since = request_param(r, "since"), *topic, *reason;
    bson_oid_t id;
    int64_t head, after;
    int limit, wait;
    enum err err;

    if ((err = read_count(r, "limit", 1, EVENTS_LIMIT_MAX, EVENTS_LIMIT, &limit)) != ERR_NONE ||
        (err = read_count(r, "wait", 0, PARKING_SECONDS, 0, &wait)) != ERR_NONE ||
        (err = request_params_done(r)) != ERR_NONE ||
        (err = request_id_arg(r, 0, &id)) != ERR_NONE ||
        (err = readable_project(r, &id, false)) != ERR_NONE)
        return err;
    topic = request_project_topic(r, &id);
    if ((err = event_log_head(r->store, topic, &head)) != ERR_NONE)
        return err;
    reason = judge_cursor(r, since, topic, head, &after);
    if (reason == NULL && after == head && request_park(r, topic, after, wait))
        return ERR_NONE;
    return write_events(r, topic, head, after, reason, limit);
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
write_history(struct request *r, const char *topic, const struct reading *e)
{
    struct text *out = reply_json(r, 200);

    text_puts(out, "{\"items\":[");
    text_add(out, e->out->bytes == NULL ? "" : e->out->bytes, e->out->len);
    text_puts(out, "],\"nextCursor\":");
    if (e->full)
        write_cursor(r, out, topic, e->last);
    else
        text_puts(out, "null");
    text_putc(out, '}');
}

enum err
live_history(struct request *r)
{
    struct text items = {0};
    struct reading e = {.out = &items};
    const bson_t *task;
    const char *topic;
    bson_oid_t id;
    int64_t before;
    enum err err;

    if ((err = read_count(r, "limit", 1, QUERY_LIMIT_MAX, QUERY_LIMIT, &e.limit)) != ERR_NONE ||
        (err = request_id_arg(r, 0, &id)) != ERR_NONE ||
        (err = crud_get(r, STORE_TASKS, &id, &task)) != ERR_NONE ||
        (err = readable_project(r, doc_id(task, "projectId"), false)) != ERR_NONE)
        return err;
    topic = request_project_topic(r, doc_id(task, "projectId"));
    if ((err = read_place(r, topic, &before)) != ERR_NONE ||
        (err = request_params_done(r)) != ERR_NONE)
        return err;
    err = event_log_entity(r->store, topic, &id, before, e.limit + 1, write_event, &e);
    if (err == ERR_NONE || e.full) {
        write_history(r, topic, &e);
        err = ERR_NONE;
    }
    text_free(&items);
    return err;
}
