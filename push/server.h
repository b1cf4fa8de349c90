/*
 * Connections: libwebsockets' callbacks turned into session_* calls.
 */
#ifndef PUSH_SERVER_H
#define PUSH_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct conn;
struct ev_loop;

/* Listens on PUSH_SOCKET and PUSH_LISTEN; false: logged. */
bool server_open(struct ev_loop *loop, const struct config *config);

/* Once a second: lets the library's own timeouts take effect, and paused sockets be read again. */
void server_tick(void);

/* Takes no more connections; the open ones live on. */
void server_stop_accepting(void);
void server_close(void);

/* Does an earlier write still wait for the socket?  Then nothing may be written. */
bool server_busy(const struct conn *conn);

/* Writes whole frames at once, as far as the socket takes them; keeps the rest itself. */
void server_write(struct conn *conn, const unsigned char *bytes, size_t len);

/* Asks for session_writable(). */
void server_wake(struct conn *conn);

void server_ping(struct conn *conn);

/* Drops the connection without a word. */
void server_kill(struct conn *conn);

#endif
