/*
 * Connections from programs, each with a connection to the database.
 */
#ifndef PROXY_RELAY_H
#define PROXY_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pair;

/*
 * Called for every complete message before it is forwarded.  False: do not forward it; the callee
 * may have answered it or closed the connections.
 */
typedef bool (*relay_see)(struct pair *pair, bool from_client, const uint8_t *bytes, size_t len);

struct relay_options {
    int listen_port, database_port; /* on 127.0.0.1 */
    const char *control_path;       /* unix socket for control lines */
    relay_see see;
    char *(*control)(const char *line); /* the reply, to free() */
    int (*timer)(void); /* called between events; milliseconds until the next call, -1: none */
};

/* Runs until SIGTERM; returns the exit status. */
int relay_run(const struct relay_options *options);

/* Sends bytes to the program or to the database, after what is queued. */
void relay_send(struct pair *pair, bool to_client, const uint8_t *bytes, size_t len);

/* Closes both connections without sending another byte. */
void relay_cut(struct pair *pair);

/* Memory for the faults' state of a pair; zero at first. */
struct relay_note {
    char program[32];  /* as its handshake names it; "": not known */
    const void *fault; /* the fault applied to a command */
    int32_t awaited;   /* the command's number */
    bool monitor;      /* it waits for a change of the server's state (an awaitable hello) */
    bool commits;      /* a commit without a fault is on its way */
    bool any;          /* applies to the next reply, whatever its number */
    uint8_t *held;     /* a message held back; NULL: none */
    size_t held_len;
    bool to_client;
    int64_t due; /* when it is sent (CLOCK_MONOTONIC, ms) */
};
struct relay_note *relay_note(struct pair *pair);

/* Calls each(pair, arg) for all that are open. */
void relay_each(void (*each)(struct pair *, void *), void *arg);

#endif
