/*
 * Requests that wait for a topic to move (long polls).  They are put aside with
 * their connection, so that they hold no thread; one thread asks for all of
 * them a few times a second, and who is due is answered as if it came anew.
 */
#ifndef API_SERVER_LONG_POLL_H
#define API_SERVER_LONG_POLL_H

#include <stdbool.h>
#include <stdint.h>

struct long_poll;
struct store_pool;

#define LONG_POLL_SECONDS 25   /* the longest wait: nginx gives up at 30 */
#define LONG_POLL_MAX     1024 /* in this process; further requests are answered at once */
#define LONG_POLL_USER    128  /* of one user in this process; then they are answered at once */

/* Who waits, and for what. */
struct long_poll_wait {
    void *connection;
    int fd;            /* of the connection: its peer may hang up */
    const char *user;  /* 24 hex digits */
    const char *topic; /* to be beyond the number `after` */
    int64_t after;
    int seconds;
};

/* In the worker, after fork(); its thread keeps a store of the pool's. */
struct long_poll *long_poll_open(struct store_pool *pool);

/* Readable when somebody is due; for an epoll, EPOLLONESHOT. */
int long_poll_fd(const struct long_poll *polls);

/* Puts a connection aside until its topic is beyond the number; false when there is no room. */
bool long_poll_add(struct long_poll *polls, const struct long_poll_wait *wait);

/* Has the peer closed its connection?  Then no reply is needed. */
bool long_poll_hung_up(int fd);

/* One that is due or whose peer has hung up, or of all when `all`; NULL: none (any more). */
void *long_poll_take(struct long_poll *polls, bool all);

#endif
