/*
 * Calls go down, news goes up through these tables.
 */
#include "push/wiring.h"

#include "push/clients/answer.h"
#include "push/clients/auth.h"
#include "push/topics/compare.h"
#include "push/events/fanout.h"
#include "push/sources/feed.h"
#include "push/clients/follow.h"
#include "push/clients/follow_all.h"
#include "push/topics/hub.h"
#include "push/clients/lists.h"
#include "push/topics/load.h"
#include "push/clients/ops.h"
#include "push/clients/presence.h"
#include "push/clients/quota.h"
#include "push/events/relay.h"
#include "push/topics/repair.h"
#include "push/net/server.h"
#include "push/net/session.h"
#include "push/events/lifecycle.h"

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
    .up = lifecycle_feed_up,
    .down = lifecycle_feed_down,
    .subscribed = lifecycle_feed_subscribed,
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
    .wanted = lifecycle_wanted,
    .ready = lifecycle_ready,
    .event = relay_event,
    .news = answer_news,
    .checked = answer_checked,
    .restart = lifecycle_restart,
    .epoch = lifecycle_set_epoch,
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
    lifecycle_tick();
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
