/*
 * Which module notifies which: the tables of callbacks, and the order in which modules open and
 * close.  Shared by main.c and the unit tests.
 */
#ifndef PUSH_WIRING_H
#define PUSH_WIRING_H

struct config;
struct ev_loop;
struct feed_calls;
struct server_calls;

/* For feed_open() and server_open(). */
extern const struct feed_calls wiring_feed_calls;
extern const struct server_calls wiring_server_calls;

/* Opens and closes all modules that need neither sockets nor Redis nor the database. */
void wiring_open(struct ev_loop *loop, const struct config *config);
void wiring_close(void);

/* Once a second, for the same modules. */
void wiring_tick(void);

#endif
