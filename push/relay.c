/*
 * Events are relayed by number: the next one goes out, a lower one is known,
 * a higher one waits for the repair of the gap.  What arrived in one turn of
 * the loop goes to each socket in one write, when the turn ends.
 */
#include "push/relay.h"

#include <ev.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/event.h"
#include "push/effects.h"
#include "push/follow.h"
#include "push/frame.h"
#include "push/metrics.h"
#include "push/payload.h"
#include "push/reads.h"
#include "push/repair.h"
#include "push/session.h"
#include "push/signal.h"
#include "push/topics.h"

#define BATCH_BYTES 65536 /* of one write for several events */
#define BATCH_MAX   64
#define EAGER_BYTES 32768 /* a larger event is handed out at once: the ring must not lose it */

static struct {
    struct ev_loop *loop;
    ev_prepare turn;
    struct topic **dirty;
    uint32_t dirty_count, dirty_size;
} relay;

/* ------------------------------------------------------------ handing out */

static void
observe(const struct frame *frame)
{
    int64_t at = payload_at(frame);

    metrics[METRIC_EVENTS]++;
    if (at > 0)
        metrics_observe(HISTOGRAM_COMMIT, clock_now() - at);
}

/* The next few unsent events, as frames and as one piece of bytes. */
static uint32_t
gather(const struct topic *t, struct frame **frames, const unsigned char **bytes, size_t *len)
{
    static unsigned char joined[BATCH_BYTES];
    uint32_t count = 0;

    *len = 0;
    for (int64_t seq = t->flushed + 1; seq <= t->stream.head && count < BATCH_MAX; seq++) {
        struct frame *f = stream_at(&t->stream, seq);

        if (count > 0 && *len + f->len > BATCH_BYTES)
            break;
        frames[count++] = f;
        if (*len + f->len <= BATCH_BYTES)
            memcpy(joined + *len, f->bytes, f->len);
        *len += f->len;
    }
    *bytes = count == 1 ? frames[0]->bytes : joined;
    return count;
}

void
relay_flush(struct topic *t)
{
    const struct follows *live = &t->places[PLACE_LIVE];

    while (t->flushed < t->stream.head) {
        struct frame *frames[BATCH_MAX];
        const unsigned char *bytes;
        size_t len;
        uint32_t count = gather(t, frames, &bytes, &len);

        metrics[METRIC_DELIVERIES] += (int64_t)count * live->count;
        for (uint32_t i = live->count; i-- > 0;)
            session_deliver(live->at[i]->session, frames, count, bytes, len);
        t->flushed += count;
        for (uint32_t i = 0; i < count; i++)
            observe(frames[i]);
    }
}

static void
on_turn(struct ev_loop *loop, ev_prepare *w, int events)
{
    (void)loop, (void)w, (void)events;
    while (relay.dirty_count > 0) {
        struct topic *t = relay.dirty[--relay.dirty_count];

        t->dirty = false;
        relay_flush(t);
        follow_news(t); /* some wait for this number, or catch up to it */
    }
}

static void
mark_dirty(struct topic *t)
{
    if (t->dirty)
        return;
    t->dirty = true;
    if (relay.dirty_count == relay.dirty_size) {
        relay.dirty_size = relay.dirty_size == 0 ? 64 : relay.dirty_size * 2;
        relay.dirty = realloc(relay.dirty, relay.dirty_size * sizeof(*relay.dirty));
        if (relay.dirty == NULL)
            abort();
    }
    relay.dirty[relay.dirty_count++] = t;
}

static void
relay_one(struct topic *t, const struct happening *h)
{
    if (h->frame->len > EAGER_BYTES || t->stream.head - t->flushed >= BATCH_MAX / 2)
        relay_flush(t);
    if (t->kind == TOPIC_PROJECT && h->effect != EFFECT_NONE && !effects_before(t, h)) {
        topics_reload(t, h->seq);
        return;
    }
    metrics[METRIC_RING_BYTES] -= (int64_t)t->stream.bytes;
    stream_add(&t->stream, h->frame);
    metrics[METRIC_RING_BYTES] += (int64_t)t->stream.bytes;
    if (h->frame->len > EAGER_BYTES)
        relay_flush(t);
    mark_dirty(t);
    if (t->kind != TOPIC_PROJECT && h->effect != EFFECT_NONE)
        effects_after(t, h);
}

void
relay_take(struct topic *t, const struct happening *event)
{
    struct happening early;

    switch (stream_judge(&t->stream, event)) {
    case STREAM_OLD:
        metrics[METRIC_LATE]++;
        return;
    case STREAM_EARLY_ONE:
        repair_gap(t);
        return;
    case STREAM_NEXT:
        relay_one(t, event);
        break;
    }
    while (stream_early_next(&t->stream, &early)) {
        relay_one(t, &early);
        frame_drop(early.frame);
    }
}

void
relay_message(const char *channel, const char *message, size_t len)
{
    struct event_head head;
    struct happening h = {0};
    struct topic *t;

    metrics[METRIC_REDIS_MESSAGES]++;
    channel += sizeof(EVENT_CHANNEL) - 1;
    t = hub_find(channel, strlen(channel));
    if (t != NULL && len > 0 && message[0] == SIGNAL_MARK) {
        signal_take(t, message, len);
        return;
    }
    if (t == NULL || event_message_read(message, len, &head) != ERR_NONE)
        return;
    if (t->state != TOPIC_READY) {
        if (t->stream.seen < head.seq)
            t->stream.seen = head.seq; /* the log is read once it is loaded */
        return;
    }
    if (head.seq <= t->stream.head)
        return;
    h.seq = head.seq;
    h.frame = frame_new(head.frame, head.len);
    reads_effect(&h, head.kind, head.entity_id);
    relay_take(t, &h);
    frame_drop(h.frame);
}

void
relay_open(struct ev_loop *loop)
{
    relay.loop = loop;
    ev_prepare_init(&relay.turn, on_turn);
    ev_prepare_start(loop, &relay.turn);
}

void
relay_close(void)
{
    ev_prepare_stop(relay.loop, &relay.turn);
    free(relay.dirty);
    relay.dirty = NULL;
    relay.dirty_count = relay.dirty_size = 0;
}
