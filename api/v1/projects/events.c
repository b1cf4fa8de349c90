/*
 * GET /v1/projects/{id}/events: a project's log after a cursor.
 */
#include "api/v1/handlers.h"

#include <string.h>

#include "api/access/read_access.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/server/long_poll.h"
#include "api/v1/event_page.h"
#include "common/change/cursor.h"
#include "common/change/event_log.h"

#define LIMIT     100
#define LIMIT_MAX 1000

/* clang-format off */
static const struct field events_fields[] = {
    {"items",      OBJECTS, 0, .items = event_fields},
    {"nextCursor", TEXT,    0},
    {"resync",     ANY,     0, .about = "false, or the reason why the client must load a snapshot"},
    {NULL},
};
/* clang-format on */

const struct shape events_shape = {"Events", events_fields};

const struct filter event_params[] = {
    {"since", NULL, TEXT, CUSTOM, NULL, "a cursor; by default the oldest event that is kept"},
    {"limit", NULL, INTEGER, CUSTOM, NULL, "1 to 1000, default 100"},
    {"wait", NULL, INTEGER, CUSTOM, NULL,
     "seconds to wait for an event when there are none, at most 25"},
    {NULL},
};

struct reading {
    const char *topic, *since, *reason; /* reason: why there are no events; NULL: there are */
    int64_t head, after;
    int limit, wait;
};

/* The client's position, or why the events after its cursor cannot be returned. */
static void
judge_cursor(struct request *r, struct reading *e)
{
    if (e->since == NULL)
        return;
    switch (cursor_find(e->since, strlen(e->since), r->epoch, e->topic, &e->after)) {
    case CURSOR_OK:
        e->reason = e->after > e->head ? "future" : NULL;
        break;
    case CURSOR_OTHER_EPOCH:
        e->reason = "epoch";
        break;
    default:
        e->reason = "bad-cursor";
    }
}

/*
 * The reply: items, or only the reason to start again from a snapshot.  A gap ends a page, and the
 * next page reports it.
 */
static enum err
write_events(struct request *r, struct reading *e)
{
    struct text items = {0}, *out;
    struct event_page page = {.items = &items, .limit = e->limit, .dense = true, .last = e->after};
    enum err err = ERR_NONE;

    if (e->reason == NULL && e->after < e->head) {
        err = event_log_read(r->store, &(struct event_after){e->topic, e->after, e->limit},
                             event_page_add, &page);
        if (page.full)
            err = ERR_NONE;
        /* Without `since` the page starts at the current beginning of the log. */
        if (page.count == 0 || (page.first != e->after + 1 && e->since != NULL))
            e->reason = "trimmed";
    }
    if (e->reason != NULL) {
        text_clear(&items);
        page.last = e->head;
    }
    out = reply_json(r, 200);
    text_puts(out, "{\"items\":");
    event_page_write(&page, out);
    text_puts(out, ",\"nextCursor\":");
    event_page_cursor(r, out, e->topic, page.last);
    text_printf(out, e->reason == NULL ? ",\"resync\":false}" : ",\"resync\":\"%s\"}", e->reason);
    text_free(&items);
    return err;
}

enum err
events_read(struct request *r)
{
    static const struct number_parameter limit = {"limit", 1, LIMIT_MAX, LIMIT};
    static const struct number_parameter wait = {"wait", 0, LONG_POLL_SECONDS, 0};
    struct reading e = {.since = request_param(r, "since")};
    bson_oid_t id;
    enum err err;

    if ((err = request_number(r, &limit, &e.limit)) != ERR_NONE ||
        (err = request_number(r, &wait, &e.wait)) != ERR_NONE ||
        (err = request_params_done(r)) != ERR_NONE ||
        (err = request_id_arg(r, 0, &id)) != ERR_NONE ||
        (err = read_access_project(r, &id, false)) != ERR_NONE)
        return err;
    e.topic = request_project_topic(r, &id);
    if ((err = event_log_head(r->store, e.topic, &e.head)) != ERR_NONE)
        return err;
    judge_cursor(r, &e);
    if (e.reason == NULL && e.after == e.head && request_long_poll(r, e.topic, e.after, e.wait))
        return ERR_NONE;
    return write_events(r, &e);
}
