/*
 * Each event that is next in order goes into the stream, has its effect and is handed out.
 */
#include "push/events/relay.h"

#include <string.h>

#include "common/change/event.h"
#include "push/base/arrival.h"
#include "push/base/frame.h"
#include "push/clients/peer.h"
#include "push/clients/presence.h"
#include "push/clients/signal.h"
#include "push/events/effects.h"
#include "push/events/fanout.h"
#include "push/events/lifecycle.h"
#include "push/metrics.h"
#include "push/topics/hub.h"
#include "push/topics/repair.h"

#define EAGER_BYTES  32768 /* a larger event is handed out at once: the ring must not lose it */
#define EAGER_EVENTS 32    /* so many that have not been handed out, likewise */

/* Relays the event that is next in order. */
static void
relay_next(struct topic *t, const struct arrival *a)
{
    if (a->frame->len > EAGER_BYTES || t->stream.head - t->flushed >= EAGER_EVENTS)
        fanout_now(t);
    if (t->kind == TOPIC_PROJECT && a->effect != EFFECT_NONE && !effects_before(t, a)) {
        lifecycle_reload(t, a->seq);
        return;
    }
    metrics[METRIC_RING_BYTES] -= (int64_t)t->stream.bytes;
    stream_add(&t->stream, a->frame);
    metrics[METRIC_RING_BYTES] += (int64_t)t->stream.bytes;
    if (a->frame->len > EAGER_BYTES)
        fanout_now(t);
    fanout_later(t);
    if (t->kind != TOPIC_PROJECT && a->effect != EFFECT_NONE)
        effects_after(t, a);
}

void
relay_event(struct topic *t, const struct arrival *event)
{
    struct arrival early;

    switch (stream_classify(&t->stream, event)) {
    case STREAM_OLD:
        metrics[METRIC_DUPLICATES]++;
        return;
    case STREAM_EARLY_ONE:
        repair_gap(t);
        return;
    case STREAM_NEXT:
        relay_next(t, event);
        break;
    }
    while (stream_early_next(&t->stream, &early)) {
        relay_next(t, &early);
        frame_drop(early.frame);
    }
}

/* A message from a daemon, maybe this one. */
static void
take_peer_message(struct topic *t, const char *message, size_t len)
{
    struct peer_message m;

    if (!peer_read(message, len, &m))
        return;
    if (m.kind == PEER_PRESENCE)
        presence_changed(t);
    else
        signal_deliver(t, &m);
}

void
relay_message(const char *channel, const char *message, size_t len)
{
    struct event_head head;
    struct arrival a = {0};
    struct topic *t;

    metrics[METRIC_REDIS_MESSAGES]++;
    channel += sizeof(EVENT_CHANNEL) - 1;
    t = hub_find(channel, strlen(channel));
    if (t != NULL && len > 0 && message[0] == PEER_MARK) {
        take_peer_message(t, message, len);
        return;
    }
    if (t == NULL || event_message_read(message, len, &head) != ERR_NONE)
        return;
    if (t->state != TOPIC_READY) {
        if (t->stream.seen < head.seq)
            t->stream.seen = head.seq; /* the log is read up to there once the topic is loaded */
        return;
    }
    if (head.seq <= t->stream.head)
        return;
    a.seq = head.seq;
    a.frame = frame_new(head.frame, head.len);
    arrival_describe(&a, head.kind, head.entity_id);
    relay_event(t, &a);
    frame_drop(a.frame);
}
