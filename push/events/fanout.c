/*
 * Events that arrive in one loop iteration are joined, so each socket gets them in one write.
 */
#include "push/events/fanout.h"

#include <ev.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/vec.h"
#include "common/time/clock.h"
#include "push/base/frame.h"
#include "push/base/payload.h"
#include "push/clients/answer.h"
#include "push/metrics.h"
#include "push/net/session.h"
#include "push/topics/hub.h"

#define BATCH_BYTES 65536 /* of one write for several events */
#define BATCH_MAX   64    /* events in one write */

static struct {
    struct ev_loop *loop;
    ev_prepare iteration_ends;
    struct topic **dirty;
    uint32_t dirty_count, dirty_size;
} fanout;

static void
observe(const struct frame *frame)
{
    int64_t at = payload_at(frame);

    metrics[METRIC_EVENTS]++;
    if (at > 0)
        metrics_observe(HISTOGRAM_COMMIT, clock_now() - at);
}

/* The next events to send, as frames and as their bytes in one piece; returns how many. */
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
fanout_now(struct topic *t)
{
    const struct follows *live = &t->follows[FOLLOW_LIVE];

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

/* Hands out what arrived in this iteration. */
static void
on_iteration_end(struct ev_loop *loop, ev_prepare *w, int events)
{
    (void)loop, (void)w, (void)events;
    while (fanout.dirty_count > 0) {
        struct topic *t = fanout.dirty[--fanout.dirty_count];

        t->dirty = false;
        fanout_now(t);
        answer_news(t); /* some wait for this number, or are catching up to it */
    }
}

void
fanout_later(struct topic *t)
{
    if (t->dirty)
        return;
    t->dirty = true;
    fanout.dirty =
        vec_room(fanout.dirty, fanout.dirty_count, &fanout.dirty_size, sizeof(*fanout.dirty));
    fanout.dirty[fanout.dirty_count++] = t;
}

void
fanout_open(struct ev_loop *loop)
{
    fanout.loop = loop;
    ev_prepare_init(&fanout.iteration_ends, on_iteration_end);
    ev_prepare_start(loop, &fanout.iteration_ends);
}

void
fanout_close(void)
{
    ev_prepare_stop(fanout.loop, &fanout.iteration_ends);
    free(fanout.dirty);
    fanout.dirty = NULL;
    fanout.dirty_count = fanout.dirty_size = 0;
}
