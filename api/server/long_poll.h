/*
 * Requests that wait for new events of a topic (long polls).  They are stored with their
 * connection, so that they use no thread.  One thread checks the topics of all of them a few times
 * a second, and a request that is due is handled again as if it had just arrived.
 */
#ifndef API_SERVER_LONG_POLL_H
#define API_SERVER_LONG_POLL_H

#include <stdbool.h>
#include <stdint.h>

struct long_poll;
struct store_pool;

#define LONG_POLL_SECONDS 25   /* the longest wait: nginx's time-out is 30 */
#define LONG_POLL_MAX     1024 /* in this process; further requests are answered at once */
#define LONG_POLL_USER    128  /* of one user in this process; then they are answered at once */

/* A waiting request. */
struct long_poll_wait {
    void *connection;
    int fd;            /* of the connection, which its peer may close */
    const char *user;  /* 24 hex digits */
    const char *topic; /* the topic that must get beyond the number `after` */
    int64_t after;
    int seconds;
};

/* To be called in the worker, after fork(); its thread keeps a store of the pool. */
struct long_poll *long_poll_open(struct store_pool *pool);

/* Readable when a request is due; for an epoll, EPOLLONESHOT. */
int long_poll_fd(const struct long_poll *polls);

/* Stores a connection until its topic is beyond the number; false if there is no room. */
bool long_poll_add(struct long_poll *polls, const struct long_poll_wait *wait);

/* Has the peer closed its connection?  Then no reply is needed. */
bool long_poll_hung_up(int fd);

/*
 * Returns a request that is due or whose peer has closed the connection, or any if `all`; NULL:
 * there is none (left).
 */
void *long_poll_take(struct long_poll *polls, bool all);

#endif
