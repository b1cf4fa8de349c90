/*
 * Publishing on Redis.  It may fail without harm, since every event is in the log.
 */
#ifndef COMMON_REDIS_BUS_H
#define COMMON_REDIS_BUS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

struct bus;
struct tickets;

/* One per process, shared by its threads; url as REDIS_URL. */
struct bus *bus_open(const char *url);
void bus_close(struct bus *bus);

/*
 * Sends without blocking, whatever state Redis is in; a failure is logged, and counted by
 * bus_failures().
 */
void bus_publish(struct bus *bus, const char *channel, const char *message, size_t len);

/* The same for several messages, in order, with one write. */
struct bus_message {
    const char *channel, *bytes;
    size_t len;
};
void bus_publish_all(struct bus *bus, const struct bus_message *messages, size_t count);

/*
 * Does Redis answer?  The result is reused for a second; one caller at a time waits for it, at most
 * 200 ms.
 */
bool bus_ping(struct bus *bus);

/* The tickets of the same Redis; NULL when bus is. */
struct tickets *bus_tickets(struct bus *bus);

/* How many messages could not be sent since the start. */
unsigned long bus_failures(const struct bus *bus);

/* Parses REDIS_URL: host (or the socket's path) and port (0 for a path). */
enum err bus_address(const char *url, char host[108], int *port) MUST_CHECK;

#endif
