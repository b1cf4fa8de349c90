/*
 * Requests that wait for a topic to move (long polls).  They are put aside with
 * their connection, so that they hold no thread; one thread asks for all of
 * them a few times a second, and who is due is answered as if it came anew.
 */
#ifndef API_PARKING_H
#define API_PARKING_H

#include <stdbool.h>
#include <stdint.h>

struct parking;
struct store_pool;

#define PARKING_SECONDS 25   /* the longest wait: nginx gives up at 30 */
#define PARKING_MAX     1024 /* in this process; then nobody waits */

/* In the worker, after fork(); its thread keeps a store of the pool's. */
struct parking *parking_open(struct store_pool *pool);

/* Readable when somebody is due; for an epoll, EPOLLONESHOT. */
int parking_fd(const struct parking *parking);

/* Puts a connection aside until the topic is beyond a number; false when full. */
bool parking_add(struct parking *parking, void *connection, const char *topic, int64_t after,
                 int seconds);

/* One that is due, or of all when `all`; NULL: none (any more). */
void *parking_take(struct parking *parking, bool all);

#endif
