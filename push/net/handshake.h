/*
 * Who may open a socket, decided before there is one: a no is an HTTP status.
 */
#ifndef PUSH_NET_HANDSHAKE_H
#define PUSH_NET_HANDSHAKE_H

#include <stdbool.h>

struct config;
struct lws;

#define HANDSHAKE_SUBPROTOCOL "taskwire.v1"
#define HANDSHAKE_NGINX       "nginx" /* the name of the listener that nginx talks to */

void handshake_open(const struct config *config);

/* A connection came, nothing was read yet; false: drop it. */
bool handshake_accept(struct lws *wsi);

/* It has become a socket: no handshake any more. */
void handshake_done(struct lws *wsi);

/* It is gone, at whatever stage. */
void handshake_forget(struct lws *wsi);

/* It wants to be a WebSocket; false: it was answered, drop it. */
bool handshake_judge(struct lws *wsi, bool draining);

/* It wants something else, which we do not have. */
void handshake_refuse_http(struct lws *wsi);

/* Did it come through nginx, which counts and buffers by itself? */
bool handshake_through_nginx(struct lws *wsi);

#endif
