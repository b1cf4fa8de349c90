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
#include "common/log.h"
#include "common/store.h"
#include "common/text.h"
#include "push/all.h"
#include "push/follow.h"
#include "push/frame.h"
#include "push/metrics.h"
#include "push/payload.h"
#include "push/presence.h"
#include "push/reads.h"
#include "push/repair.h"
#include "push/session.h"
#include "push/signal.h"
#include "push/who.h"

#define BATCH_BYTES 65536 /* of one write for several events */
#define BATCH_MAX   64
#define EAGER_BYTES 32768      /* a larger event is handed out at once: the ring must not lose it */
#define LINGER_US   60000000LL /* so long a topic stays warm for those who come back */

static struct {
    struct ev_loop *loop;
    ev_prepare turn;
    char epoch[STORE_EPOCH];
    struct topic **dirty;
    uint32_t dirty_count, dirty_size;
} relay;

const char *
relay_epoch(void)
{
    return relay.epoch;
}

struct topic *
relay_topic(const char *name)
{
    char channel[EVENT_TOPIC + sizeof(EVENT_CHANNEL)] = EVENT_CHANNEL;
    bool fresh;
    struct topic *t = hub_topic(name, &fresh);

    t->idle_at = 0;
    if (!fresh)
        return t;
    metrics[METRIC_TOPICS]++;
    strcat(channel, name);
    if (feed_is_up())
        feed_subscribe(channel);
    else
        repair_load(t); /* up() subscribes later, and then looks again */
    return t;
}

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

/* ------------------------------------------------------------ what events do */

/* Sends away whoever has no right any more, after what came before. */
static void
expel(struct topic *t, const char *reason)
{
    for (int place = PLACE_WAITING; place < PLACE__COUNT; place++)
        for (uint32_t i = t->places[place].count; i-- > 0;)
            if (i < t->places[place].count &&
                !hub_may(t, t->places[place].at[i]->session->user))
                follow_left(t->places[place].at[i], reason);
}

/* Rights change before the event is shown: who loses them does not see it. */
static void
apply_rights(struct topic *t, const struct happening *h)
{
    struct payload p;

    if (h->effect == EFFECT_MEMBER_ADDED) {
        rights_add(&t->rights, h->id);
    } else if (h->effect == EFFECT_MEMBER_REMOVED) {
        relay_flush(t);
        rights_remove(&t->rights, h->id);
        expel(t, "removed");
    } else if (h->effect == EFFECT_PROJECT_UPDATED) {
        payload_read(&p, h->frame);
        if (p.readable && !p.access)
            return;
        if (!p.readable)
            log_error("relay: %s: event %lld cannot be read", t->name, (long long)h->seq);
        relay_flush(t);
        t->rights.everyone = p.opened;
        expel(t, "closed");
    }
}

/* A user has become a member somewhere: `all` goes there. */
static void
join(struct topic *t, const struct happening *h)
{
    struct payload p;

    payload_read(&p, h->frame);
    for (int place = 0; place < PLACE__COUNT && p.project[0] != '\0'; place++)
        for (uint32_t i = t->places[place].count; i-- > 0;)
            if (i < t->places[place].count)
                all_joined(t->places[place].at[i]->session, p.project, "member.added", -1);
}

struct opened {
    char project[25];
    int64_t rev;
};

static void
join_opened(struct session *s, void *arg)
{
    struct opened *o = arg;

    all_joined(s, o->project, "project.updated", o->rev);
}

static void
apply_rest(struct topic *t, const struct happening *h)
{
    struct payload p;
    struct opened o;

    if (t->kind == TOPIC_USER && h->effect == EFFECT_SESSION_REVOKED)
        who_revoked(t, h->id);
    else if (t->kind == TOPIC_USER && h->effect == EFFECT_MEMBER_ADDED)
        join(t, h);
    else if (t->kind == TOPIC_EVERYONE && h->effect == EFFECT_PROJECT_UPDATED) {
        payload_read(&p, h->frame);
        text_hex(o.project, h->id, 12);
        o.rev = p.rev;
        if (p.opened)
            sessions_each(join_opened, &o);
    }
}

static void
relay_one(struct topic *t, const struct happening *h)
{
    if (h->frame->len > EAGER_BYTES || t->stream.head - t->flushed >= BATCH_MAX / 2)
        relay_flush(t);
    if (t->kind == TOPIC_PROJECT && h->effect != EFFECT_NONE)
        apply_rights(t, h);
    metrics[METRIC_RING_BYTES] -= (int64_t)t->stream.bytes;
    stream_add(&t->stream, h->frame);
    metrics[METRIC_RING_BYTES] += (int64_t)t->stream.bytes;
    if (h->frame->len > EAGER_BYTES)
        relay_flush(t);
    mark_dirty(t);
    if (t->kind != TOPIC_PROJECT && h->effect != EFFECT_NONE)
        apply_rest(t, h);
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

/* ------------------------------------------------------------ the feed */

static void
on_message(const char *channel, const char *message, size_t len)
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

static void
on_subscribed(const char *channel)
{
    struct topic *t = hub_find(channel + sizeof(EVENT_CHANNEL) - 1,
                               strlen(channel) - sizeof(EVENT_CHANNEL) + 1);

    if (strncmp(channel, EVENT_CHANNEL, sizeof(EVENT_CHANNEL) - 1) == 0 && t != NULL &&
        t->state == TOPIC_SUBSCRIBING)
        repair_load(t);
}

/* Subscribes to everything, and looks when that is done: the order keeps the promise. */
static void
on_up(void)
{
    char channel[EVENT_TOPIC + sizeof(EVENT_CHANNEL)];
    uint32_t bucket = 0;

    metrics[METRIC_REDIS_AWAY] = 0;
    for (struct topic *t = NULL; (t = hub_next(&bucket, t)) != NULL;) {
        strcpy(channel, EVENT_CHANNEL);
        strcat(channel, t->name);
        feed_subscribe(channel);
    }
    repair_look_soon();
}

static void
on_down(void)
{
    uint32_t bucket = 0;

    metrics[METRIC_REDIS_AWAY] = 1;
    for (struct topic *t = NULL; (t = hub_next(&bucket, t)) != NULL;)
        if (t->state == TOPIC_SUBSCRIBING)
            repair_load(t);
}

const struct feed_calls relay_calls = {on_up, on_down, on_subscribed, on_message};

/* ------------------------------------------------------------ new starts, ends */

void
relay_restart(struct topic *t, const char *reason)
{
    relay_flush(t);
    t->turn = hub_turn();
    follow_resync_all(t, reason);
    metrics[METRIC_RING_BYTES] -= (int64_t)t->stream.bytes;
    stream_start(&t->stream, 0);
    if (t->window != NULL)
        stream_free(t->window);
    t->flushed = t->trimmed = t->want = 0;
    t->paging = t->repairing = false;
    t->state = TOPIC_SUBSCRIBING;
    repair_load(t);
}

void
relay_set_epoch(const char *epoch)
{
    uint32_t bucket = 0;
    bool first = relay.epoch[0] == '\0';

    if (strcmp(relay.epoch, epoch) == 0)
        return;
    memcpy(relay.epoch, epoch, sizeof(relay.epoch));
    if (first)
        return;
    log_warn("relay: the database has another epoch: everybody must refetch");
    for (struct topic *t = NULL; (t = hub_next(&bucket, t)) != NULL;)
        relay_restart(t, "epoch");
}

static void
forget(struct topic *t)
{
    char channel[EVENT_TOPIC + sizeof(EVENT_CHANNEL)] = EVENT_CHANNEL;

    strcat(channel, t->name);
    feed_unsubscribe(channel);
    repair_forget(t);
    presence_forget(t);
    metrics[METRIC_TOPICS]--;
    metrics[METRIC_RING_BYTES] -= (int64_t)t->stream.bytes;
    hub_forget(t);
}

void
relay_tick(void)
{
    uint32_t bucket = 0;
    int64_t now = clock_steady();
    struct topic *t = hub_next(&bucket, NULL), *after;

    for (; t != NULL; t = after) {
        after = hub_next(&bucket, t);
        if (t->kind == TOPIC_EVERYONE || hub_followed(t) || t->state != TOPIC_READY || t->dirty)
            continue;
        if (t->idle_at == 0)
            t->idle_at = now;
        else if (t->missing || now - t->idle_at > LINGER_US)
            forget(t);
    }
}

void
relay_open(struct ev_loop *loop)
{
    relay.loop = loop;
    ev_prepare_init(&relay.turn, on_turn);
    ev_prepare_start(loop, &relay.turn);
    relay_topic("everyone");
}

void
relay_close(void)
{
    ev_prepare_stop(relay.loop, &relay.turn);
    free(relay.dirty);
    relay.dirty = NULL;
    relay.dirty_count = relay.dirty_size = 0;
}
