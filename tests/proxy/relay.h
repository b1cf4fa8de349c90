/*
 * Connections from programs, each joined to one of its own to the database.
 */
#ifndef PROXY_RELAY_H
#define PROXY_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pair;

/*
 * Is told every whole message before it goes on.  False: it goes no further; the
 * callee may have answered or closed.
 */
typedef bool (*relay_see)(struct pair *pair, bool from_client, const uint8_t *bytes, size_t len);

struct relay_options {
    int listen_port, database_port; /* on 127.0.0.1 */
    const char *control_path;       /* unix socket for lines of control */
    relay_see see;
    char *(*control)(const char *line); /* the answer, to free() */
    int (*timer)(void); /* called between events; milliseconds until the next call, -1: none */
};

/* Until SIGTERM; the exit status. */
int relay_run(const struct relay_options *options);

/* Sends bytes to the program or to the database, after what is queued. */
void relay_send(struct pair *pair, bool to_client, const uint8_t *bytes, size_t len);

/* Ends both connections without another byte. */
void relay_cut(struct pair *pair);

/* Room for what the faults keep of a pair; zero at first. */
struct relay_note {
    const void *fault; /* that has struck a command */
    int32_t awaited;   /* the command's number */
    bool monitor;      /* it waits for news of the server's state (an awaitable hello) */
    bool commits;      /* a commit that no fault has struck is on its way */
    bool any;          /* the next reply is meant, whatever its number */
    uint8_t *held;     /* a message that waits; NULL: none */
    size_t held_len;
    bool to_client;
    int64_t due; /* when it is sent (CLOCK_MONOTONIC, ms) */
};
struct relay_note *relay_note(struct pair *pair);

/* Calls each(pair, arg) for all that are open. */
void relay_each(void (*each)(struct pair *, void *), void *arg);

#endif
