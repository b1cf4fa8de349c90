/*
 * Who may open a socket, decided before there is one: a refusal is an HTTP status.
 */
#ifndef PUSH_NET_HANDSHAKE_H
#define PUSH_NET_HANDSHAKE_H

#include <stdbool.h>

struct config;
struct lws;

#define HANDSHAKE_SUBPROTOCOL "taskwire.v1"
#define HANDSHAKE_NGINX       "nginx" /* the name of the listener that nginx talks to */

void handshake_open(const struct config *config);

/* A new connection, of which nothing has been read; false: drop it. */
bool handshake_accept(struct lws *wsi);

/* The handshake is complete. */
void handshake_done(struct lws *wsi);

/* The connection is gone, at whatever stage. */
void handshake_forget(struct lws *wsi);

/* It asks for an upgrade; false: it was refused, drop it. */
bool handshake_check(struct lws *wsi, bool draining);

/* It asks for something else, which is refused. */
void handshake_refuse_http(struct lws *wsi);

/* Did it come through nginx, which counts and buffers connections itself? */
bool handshake_through_nginx(struct lws *wsi);

#endif
