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

#define INTAKE_READ 192 /* bytes that the library reads at once from a plain socket */

/* Of one socket; all zero it is not running.  There is one per idle socket: 56 bytes. */
struct intake {
    ev_io watcher; /* data: the library's connection or, while reading is paused, a struct pause */
    struct bucket spent;
};

/* The loop that libwebsockets runs on, before any socket. */
void intake_open(struct ev_loop *loop);

/* Starts counting on a socket that was just opened. */
void intake_begin(struct intake *in, struct lws *wsi);

/* Ends that, before the file is closed; does nothing if it is not running. */
void intake_end(struct intake *in);

/* Once a second: paused sockets are read again. */
void intake_tick(void);

#endif
