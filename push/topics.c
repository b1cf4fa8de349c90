/*
 * A topic's life: subscribed, loaded, READY; started anew when its numbers are
 * void; forgotten when nobody has followed it for a while.
 */
#include "push/topics.h"

#include <string.h>

#include "common/clock.h"
#include "common/event.h"
#include "common/log.h"
#include "common/store.h"
#include "push/answer.h"
#include "push/follow.h"
#include "push/lists.h"
#include "push/metrics.h"
#include "push/presence.h"
#include "push/reader.h"
#include "push/relay.h"
#include "push/repair.h"
#include "push/who.h"

#define LINGER_US 60000000LL /* so long a topic stays warm for those who come back */
#define CONFIRM_US                                                                                 \
    1000000LL /* so long Redis has to confirm; then the database is read without it,               \
                 and the sweep finds what is published meanwhile */

static struct {
    char epoch[STORE_EPOCH];
} topics;

const char *
topics_epoch(void)
{
    return topics.epoch;
}

static void
subscribe(struct topic *t)
{
    char channel[EVENT_TOPIC + sizeof(EVENT_CHANNEL)] = EVENT_CHANNEL;

    strcat(channel, t->name);
    feed_subscribe(channel);
}

struct topic *
topics_get(const char *name, const unsigned char user[12])
{
    bool fresh;
    struct topic *t = hub_topic(name, &fresh);

    if (!fresh) {
        if (t->state != TOPIC_SUBSCRIBING)
            t->idle_at = 0;
        repair_load_for(t, user);
        return t;
    }
    memcpy(t->asker, user, 12);
    metrics[METRIC_TOPICS]++;
    t->idle_at = clock_steady();
    if (feed_is_up())
        subscribe(t);
    else
        repair_load(t); /* up() subscribes later, and then looks again */
    return t;
}

static void
on_subscribed(const char *channel)
{
    struct topic *t =
        hub_find(channel + sizeof(EVENT_CHANNEL) - 1, strlen(channel) - sizeof(EVENT_CHANNEL) + 1);

    if (strncmp(channel, EVENT_CHANNEL, sizeof(EVENT_CHANNEL) - 1) != 0 || t == NULL)
        return;
    if (t->state == TOPIC_SUBSCRIBING) {
        repair_load(t);
    } else if (t->unconfirmed && t->state == TOPIC_READY) {
        t->unconfirmed = false;
        repair_verify(t); /* what was published before the subscription was in force */
    }
}

/* Subscribes to everything, and looks when that is done: the order keeps the promise. */
static void
on_up(void)
{
    uint32_t bucket = 0;

    metrics[METRIC_REDIS_AWAY] = 0;
    for (struct topic *t = NULL; (t = hub_next(&bucket, t)) != NULL;)
        subscribe(t);
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

const struct feed_calls topics_calls = {on_up, on_down, on_subscribed, relay_message};

/* ------------------------------------------------------------ new starts, ends */

static void
load_anew(struct topic *t)
{
    t->turn = hub_turn();
    metrics[METRIC_RING_BYTES] -= (int64_t)t->stream.bytes;
    stream_start(&t->stream, 0);
    if (t->window != NULL)
        stream_free(t->window);
    t->flushed = t->trimmed = t->want = 0;
    t->paging = t->repairing = false;
    t->page = NULL;
    lists_forget(t);
    t->state = TOPIC_SUBSCRIBING;
    repair_load(t);
}

void
topics_restart(struct topic *t, const char *reason)
{
    relay_flush(t);
    follow_resync_all(t, reason);
    load_anew(t);
}

void
topics_reload(struct topic *t, int64_t seq)
{
    relay_flush(t);
    follow_hold_all(t);
    load_anew(t);
    t->stream.seen = seq; /* the log is read up to there, whatever number is loaded */
}

void
topics_set_epoch(const char *epoch)
{
    uint32_t bucket = 0;
    bool first = topics.epoch[0] == '\0';

    if (strcmp(topics.epoch, epoch) == 0)
        return;
    memcpy(topics.epoch, epoch, sizeof(topics.epoch));
    if (first)
        return;
    log_warn("topics: the database has another epoch: everybody must refetch");
    for (struct topic *t = NULL; (t = hub_next(&bucket, t)) != NULL;)
        topics_restart(t, "epoch");
    who_new_epoch();
}

static void
forget(struct topic *t)
{
    char channel[EVENT_TOPIC + sizeof(EVENT_CHANNEL)] = EVENT_CHANNEL;

    strcat(channel, t->name);
    feed_unsubscribe(channel);
    repair_forget(t);
    presence_forget(t);
    lists_forget(t);
    metrics[METRIC_TOPICS]--;
    metrics[METRIC_RING_BYTES] -= (int64_t)t->stream.bytes;
    hub_forget(t);
}

static void
look_at(struct topic *t, int64_t now)
{
    if (t->places[PLACE_WAITING].count > 0 && reader_store_away())
        answer_give_up(t);
    repair_spare(t);
    if (t->state == TOPIC_SUBSCRIBING && now - t->idle_at > CONFIRM_US) {
        t->unconfirmed = true;
        t->idle_at = 0;
        repair_load(t);
    }
    if (t->kind == TOPIC_EVERYONE || hub_follows(t) > 0 || t->state != TOPIC_READY || t->dirty)
        return;
    if (t->idle_at == 0)
        t->idle_at = now;
    else if (t->missing || now - t->idle_at > LINGER_US)
        forget(t);
}

void
topics_tick(void)
{
    uint32_t bucket = 0;
    int64_t now = clock_steady();
    struct topic *t = hub_next(&bucket, NULL), *after;

    for (; t != NULL; t = after) {
        after = hub_next(&bucket, t);
        look_at(t, now);
    }
}
