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
#define PARKING_USER    128  /* of one user in this process; then they are answered at once */

/* Who waits, and for what. */
struct parking_wait {
    void *connection;
    int fd;            /* of the connection: its peer may hang up */
    const char *user;  /* 24 hex digits */
    const char *topic; /* to be beyond the number `after` */
    int64_t after;
    int seconds;
};

/* In the worker, after fork(); its thread keeps a store of the pool's. */
struct parking *parking_open(struct store_pool *pool);

/* Readable when somebody is due; for an epoll, EPOLLONESHOT. */
int parking_fd(const struct parking *parking);

/* Puts a connection aside until its topic is beyond the number; false when there is no room. */
bool parking_add(struct parking *parking, const struct parking_wait *wait);

/* Has the peer of a connection gone?  Then nobody waits for the answer. */
bool parking_hung_up(int fd);

/* One that is due or whose peer has hung up, or of all when `all`; NULL: none (any more). */
void *parking_take(struct parking *parking, bool all);

#endif
