/*
 * The libwebsockets context and what it listens on.
 */
#ifndef PUSH_NET_LISTEN_H
#define PUSH_NET_LISTEN_H

struct config;
struct ev_loop;
struct lws_context;
struct lws_protocols;

/* PUSH_SOCKET, and PUSH_LISTEN with or without TLS; NULL: logged. */
struct lws_context *listen_open(struct ev_loop *loop, const struct config *config,
                                const struct lws_protocols *protocols);

#endif
