/*
 * Limits how much is read from one socket.
 *
 * libwebsockets answers pings and parses fragments without reporting them, so its reads are
 * counted: a watcher of our own on the same file descriptor wakes whenever the library is about to
 * read.  A socket that makes it read too often is not read until the next tick, and its peer waits.
 */
#ifndef PUSH_NET_INTAKE_H
#define PUSH_NET_INTAKE_H

#include <ev.h>

#include "push/base/bucket.h"

struct lws;

/* Of one socket; zeroed it is not running. */
struct intake {
    ev_io watcher;
    struct lws *wsi;
    struct intake *after, **link; /* of those that are paused; link NULL: is not */
    struct bucket spent;
};

/* The loop that libwebsockets runs on, before any socket. */
void intake_open(struct ev_loop *loop);

/* Begins to count, on a socket that was opened just now. */
void intake_begin(struct intake *in, struct lws *wsi);

/* Ends it, before the file is closed.  May be called twice, and on one that never began. */
void intake_end(struct intake *in);

/* Once a second: paused sockets are read again. */
void intake_tick(void);

#endif
