/*
 * Events are returned as they are stored, but without the WebSocket's "op".
 */
#include "api/v1/event_page.h"

#include "api/http/request.h"
#include "common/change/cursor.h"

#define PAGE_BYTES 1048576 /* of one page; the next page continues after it */

/* clang-format off */
const struct field event_fields[] = {
    {"topic",    TEXT,    0},
    {"seq",      INTEGER, 0, .about = "consecutive within the topic"},
    {"cursor",   TEXT,    0},
    {"kind",     TEXT,    0},
    {"actorId",  REF,     NULLABLE},
    {"at",       INSTANT, 0},
    {"entity",   TEXT,    0},
    {"entityId", REF,     0},
    {"rev",      INTEGER, 0},
    {"counts",   ANY,     VIRTUAL, .about = "{task: {subtasks, comments, attachments}}: the counters of other tasks that have changed with it"},
    {"changes",  ANY,     NULLABLE, .about = "{field: [before, after]}, null for values that are too long; null as a whole when there are too many"},
    {"dataOmitted", FLAG, VIRTUAL, .about = "true when the entity is too large for an event; get it by its id"},
    {"data",     ANY,     NULLABLE, .about = "the entity after the change"},
    {NULL},
};
/* clang-format on */

const struct shape event_shape = {"Event", event_fields};

/* Adds a frame without its "op"; ERR_TOO_LARGE if it does not fit on this page. */
enum err
event_page_add(void *arg, const struct event_item *item)
{
    struct event_page *e = arg;
    size_t skip = sizeof(EVENT_FRAME_START) - 1;

    e->full = e->count == e->limit || (e->count > 0 && e->items->len + item->len > PAGE_BYTES) ||
              (e->count > 0 && e->dense && item->seq != e->last + 1);
    if (e->full)
        return ERR_TOO_LARGE;
    if (e->count++ > 0)
        text_putc(e->items, ',');
    else
        e->first = item->seq;
    text_putc(e->items, '{');
    text_add(e->items, item->frame + skip, item->len - skip);
    e->last = item->seq;
    return ERR_NONE;
}

void
event_page_write(const struct event_page *e, struct text *out)
{
    text_putc(out, '[');
    text_add(out, e->items->bytes == NULL ? "" : e->items->bytes, e->items->len);
    text_putc(out, ']');
}

void
event_page_cursor(struct request *r, struct text *out, const char *topic, int64_t seq)
{
    text_putc(out, '"');
    cursor_write_one(out, r->epoch, topic, seq);
    text_putc(out, '"');
}
