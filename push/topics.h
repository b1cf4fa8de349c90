/*
 * A topic's life: subscribed, loaded, READY; started again when its numbers are void; forgotten
 * when nobody has followed it for a while.
 */
#ifndef PUSH_TOPICS_H
#define PUSH_TOPICS_H

#include <stdbool.h>
#include <stdint.h>

struct topic;

/* ---- for the feed: Redis came, went, confirmed a subscription ---- */

void topics_feed_up(void);
void topics_feed_down(void);
void topics_feed_subscribed(const char *channel);

/* ---- for the modules that read the database: functions of struct topic_calls ---- */

void topics_wanted(struct topic *t, const unsigned char user[12], bool fresh);
void topics_ready(struct topic *t);
void topics_restart(struct topic *t, const char *reason);
void topics_set_epoch(const char *epoch);

/*
 * Reads number and rights again, because of the event of that number.  Everybody on the topic waits
 * meanwhile and then gets what came since, including that event, if the right is still there.
 */
void topics_reload(struct topic *t, int64_t seq);

/* Once a second. */
void topics_tick(void);

#endif
