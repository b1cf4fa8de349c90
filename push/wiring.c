/*
 * Calls go down, news goes up through these tables.
 */
#include "push/wiring.h"

#include "push/answer.h"
#include "push/auth.h"
#include "push/compare.h"
#include "push/fanout.h"
#include "push/feed.h"
#include "push/follow.h"
#include "push/follow_all.h"
#include "push/hub.h"
#include "push/lists.h"
#include "push/load.h"
#include "push/ops.h"
#include "push/presence.h"
#include "push/quota.h"
#include "push/relay.h"
#include "push/repair.h"
#include "push/server.h"
#include "push/session.h"
#include "push/topics.h"

/* An ended session lets go of what it follows. */
static bool
release(struct session *s, uint32_t *budget)
{
    if (!follow_end_some(s, budget))
        return false;
    follow_all_end(s);
    return true;
}

static void
follow_ending(struct follow *f)
{
    presence_ending(f);
    follow_all_ending(f);
}

const struct feed_calls wiring_feed_calls = {
    .up = topics_feed_up,
    .down = topics_feed_down,
    .subscribed = topics_feed_subscribed,
    .message = relay_message,
};

const struct server_calls wiring_server_calls = {
    .open = session_open,
    .token = auth_token,
    .message_max = session_message_max,
    .too_large = session_too_large,
    .message = session_receive,
    .alive = session_alive,
    .writable = session_writable,
    .gone = session_gone,
};

static const struct session_calls session_calls = {
    .opened = quota_opened,
    .message = ops_message,
    .has_room = answer_resume,
    .release = release,
};

static const struct topic_calls topic_table = {
    .wanted = topics_wanted,
    .ready = topics_ready,
    .event = relay_event,
    .news = answer_news,
    .checked = answer_checked,
    .restart = topics_restart,
    .epoch = topics_set_epoch,
};

static const struct follow_calls follow_calls = {.ending = follow_ending};

void
wiring_open(struct ev_loop *loop, const struct config *config)
{
    hub_open(&topic_table);
    follow_open(&follow_calls);
    sessions_open(loop, config, &session_calls);
    quota_open(config);
    auth_open(config);
    repair_open(loop);
    load_open(loop);
    compare_open(loop);
    presence_open(loop, config);
    follow_all_open(loop);
    fanout_open(loop);
}

void
wiring_tick(void)
{
    sessions_tick();
    auth_tick();
    lists_again();
    compare_tick();
    topics_tick();
    presence_tick();
}

void
wiring_close(void)
{
    sessions_stop();
    auth_close();
    follow_all_close();
    presence_close();
    repair_close();
    load_close();
    compare_close();
    fanout_close();
    hub_close();
}
