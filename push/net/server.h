/*
 * Connections.  The server knows neither sessions nor messages: it tells its caller what happens on
 * a connection, and writes what the caller gives it.
 */
#ifndef PUSH_NET_SERVER_H
#define PUSH_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct conn;
struct ev_loop;
struct session;

/*
 * What the server reports, each for one connection.  A session belongs to the caller; the server
 * only hands back the pointer that open() returned.
 */
struct server_calls {
    /* The handshake is complete.  Never NULL. */
    struct session *(*open)(struct conn *conn);
    /* The upgrade request carried this bearer token in its Authorization header. */
    void (*token)(struct session *s, const char *token, size_t len);
    /* The largest message that is accepted now, in bytes. */
    size_t (*message_max)(const struct session *s);
    /* A message exceeded that; the rest of it is discarded. */
    void (*too_large)(struct session *s);
    /* One whole message. */
    void (*message)(struct session *s, const char *bytes, size_t len, bool binary);
    /* The peer sent something, so it is alive. */
    void (*alive)(struct session *s);
    /* The socket can be written to.  0: keep it open; otherwise close it now with this close code
     * and reason (at most 63 bytes). */
    uint16_t (*writable)(struct session *s, const char **reason);
    /* The connection is gone: the caller must not use conn again, nor the server the session. */
    void (*gone)(struct session *s);
};

/* Listens on PUSH_SOCKET and PUSH_LISTEN; false: the reason is in the log. */
bool server_open(struct ev_loop *loop, const struct config *config,
                 const struct server_calls *calls);

/* Once a second: runs the library's timeouts and resumes reading from paused sockets. */
void server_tick(void);

/* Accepts no more connections; the open ones stay. */
void server_stop_accepting(void);
void server_close(void);

/* True while part of an earlier write is unsent; nothing more may be written until then. */
bool server_busy(const struct conn *conn);

/* Writes whole frames; what the socket does not take at once is kept and sent later. */
void server_write(struct conn *conn, const unsigned char *bytes, size_t len);

/* Asks for a call of writable() as soon as the socket takes more. */
void server_wake(struct conn *conn);

/* Sends a WebSocket ping; the pong is reported as alive(). */
void server_ping(struct conn *conn);

/* Drops the connection without a close frame. */
void server_kill(struct conn *conn);

#endif
