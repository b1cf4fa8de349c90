/*
 * A topic's life: subscribed, loaded, READY; started again when its numbers are void; forgotten
 * when nobody has followed it for a while.
 */
#ifndef PUSH_EVENTS_LIFECYCLE_H
#define PUSH_EVENTS_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/id.h"

struct topic;

/* ---- for the feed: Redis came, went, confirmed a subscription ---- */

void lifecycle_feed_up(void);
void lifecycle_feed_down(void);
void lifecycle_feed_subscribed(const char *channel);

/* ---- for the modules that read the database: functions of struct topic_calls ---- */

void lifecycle_wanted(struct topic *t, const unsigned char user[ID_BYTES], bool fresh);
void lifecycle_ready(struct topic *t);
void lifecycle_restart(struct topic *t, const char *reason);
void lifecycle_set_epoch(const char *epoch);

/*
 * Reads number and rights again, because of the event of that number.  Everybody on the topic waits
 * meanwhile and then gets what came since, including that event, if the right is still there.
 */
void lifecycle_reload(struct topic *t, int64_t seq);

/* Once a second. */
void lifecycle_tick(void);

#endif
