/*
 * The order keeps the promise: subscribe first, then read the number, so no event falls between.
 */
#include "push/events/lifecycle.h"

#include <string.h>

#include "common/base/id.h"
#include "common/change/event.h"
#include "common/log.h"
#include "common/time/clock.h"
#include "push/clients/answer.h"
#include "push/clients/auth.h"
#include "push/clients/follow.h"
#include "push/clients/lists.h"
#include "push/clients/presence.h"
#include "push/events/fanout.h"
#include "push/metrics.h"
#include "push/sources/feed.h"
#include "push/sources/reader.h"
#include "push/topics/compare.h"
#include "push/topics/hub.h"
#include "push/topics/load.h"
#include "push/topics/repair.h"

#define LINGER_US 60000000LL /* how long a topic that nobody follows is kept */

/* How long Redis has to confirm.  Then the database is read without it, and the comparison finds
 * what is published meanwhile. */
#define CONFIRM_US 1000000LL

/* ------------------------------------------------------------ subscriptions */

static void
subscribe(struct topic *t)
{
    char channel[EVENT_TOPIC + sizeof(EVENT_CHANNEL)] = EVENT_CHANNEL;

    strcat(channel, t->name);
    feed_subscribe(channel);
}

void
lifecycle_wanted(struct topic *t, const unsigned char user[ID_BYTES], bool fresh)
{
    if (!fresh) {
        if (t->state != TOPIC_SUBSCRIBING)
            t->idle_at = 0;
        load_asker(t, user);
        return;
    }
    memcpy(t->asker, user, ID_BYTES);
    metrics[METRIC_TOPICS]++;
    t->idle_at = clock_steady();
    if (feed_is_up())
        subscribe(t);
    else
        load_topic(t); /* lifecycle_feed_up() subscribes later and then compares */
}

void
lifecycle_feed_subscribed(const char *channel)
{
    struct topic *t =
        hub_find(channel + sizeof(EVENT_CHANNEL) - 1, strlen(channel) - sizeof(EVENT_CHANNEL) + 1);

    if (strncmp(channel, EVENT_CHANNEL, sizeof(EVENT_CHANNEL) - 1) != 0 || t == NULL)
        return;
    if (t->state == TOPIC_SUBSCRIBING) {
        load_topic(t);
    } else if (t->unconfirmed && t->state == TOPIC_READY) {
        t->unconfirmed = false;
        compare_topic(t); /* it may have missed what was published before */
    }
}

/* Subscribes to everything and compares when that is done. */
void
lifecycle_feed_up(void)
{
    uint32_t bucket = 0;

    metrics[METRIC_REDIS_UNAVAILABLE] = 0;
    for (struct topic *t = NULL; (t = hub_next(&bucket, t)) != NULL;)
        subscribe(t);
    compare_all_soon();
}

void
lifecycle_feed_down(void)
{
    uint32_t bucket = 0;

    metrics[METRIC_REDIS_UNAVAILABLE] = 1;
    for (struct topic *t = NULL; (t = hub_next(&bucket, t)) != NULL;)
        if (t->state == TOPIC_SUBSCRIBING)
            load_topic(t);
}

void
lifecycle_ready(struct topic *t)
{
    if (t->kind == TOPIC_USER)
        auth_topic_ready(t);
    else if (t->kind == TOPIC_EVERYONE)
        lists_again();
    answer_news(t);
}

/* ------------------------------------------------------------ starting again */

/* Discards numbers and ring and loads the topic again; earlier answers become void. */
static void
load_again(struct topic *t)
{
    t->generation = hub_generation();
    metrics[METRIC_RING_BYTES] -= (int64_t)t->stream.bytes;
    stream_start(&t->stream, 0);
    if (t->window != NULL)
        stream_free(t->window);
    t->flushed = t->trimmed = t->want = 0;
    t->paging = t->repairing = false;
    t->page = NULL;
    lists_forget(t);
    t->state = TOPIC_SUBSCRIBING;
    load_topic(t);
}

void
lifecycle_restart(struct topic *t, const char *reason)
{
    fanout_now(t);
    follow_resync_all(t, reason);
    load_again(t);
}

void
lifecycle_reload(struct topic *t, int64_t seq)
{
    fanout_now(t);
    follow_hold_all(t);
    load_again(t);
    t->stream.seen = seq; /* the log is read up to there, whatever number is loaded */
}

void
lifecycle_set_epoch(const char *epoch)
{
    uint32_t bucket = 0;

    if (!hub_set_epoch(epoch))
        return;
    log_warn("lifecycle: the database has a new epoch: all clients must refetch");
    for (struct topic *t = NULL; (t = hub_next(&bucket, t)) != NULL;)
        lifecycle_restart(t, "epoch");
    auth_new_epoch();
}

/* ------------------------------------------------------------ time */

/* Unsubscribes, and frees the topic with all that others keep for it. */
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

/* What is due for one topic; it may be forgotten afterwards. */
static void
check(struct topic *t, int64_t now)
{
    if (t->follows[FOLLOW_WAITING].count > 0 && reader_store_unavailable())
        answer_give_up(t);
    repair_spare(t);
    if (t->state == TOPIC_SUBSCRIBING && now - t->idle_at > CONFIRM_US) {
        t->unconfirmed = true;
        t->idle_at = 0;
        load_topic(t);
    }
    if (t->kind == TOPIC_EVERYONE || hub_follows(t) > 0 || t->state != TOPIC_READY || t->dirty)
        return;
    if (t->idle_at == 0)
        t->idle_at = now;
    else if (t->missing || now - t->idle_at > LINGER_US)
        forget(t);
}

void
lifecycle_tick(void)
{
    uint32_t bucket = 0;
    int64_t now = clock_steady();
    struct topic *t = hub_next(&bucket, NULL), *after;

    for (; t != NULL; t = after) {
        after = hub_next(&bucket, t);
        check(t, now);
    }
}
