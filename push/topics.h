/*
 * Where topics come from and where they end.
 */
#ifndef PUSH_TOPICS_H
#define PUSH_TOPICS_H

#include "push/feed.h"
#include "push/hub.h"

/* The topic of that name, subscribed and loaded for that user when it is new. */
struct topic *topics_get(const char *name, const unsigned char user[12]);

/* Whom the feed tells. */
extern const struct feed_calls topics_calls;

/* The database's epoch; empty until it is known. */
const char *topics_epoch(void);

/* Takes the epoch that was read; another one than before voids all cursors. */
void topics_set_epoch(const char *epoch);

/* Starts the numbers of a topic anew: loads it, and everybody on it refetches. */
void topics_restart(struct topic *t, const char *reason);

/*
 * Reads numbers and rights anew, because of that event.  Everybody on the topic waits meanwhile and
 * then gets what came since, the event itself included, if the right is still there.
 */
void topics_reload(struct topic *t, int64_t seq);

/* Once a second. */
void topics_tick(void);

#endif
