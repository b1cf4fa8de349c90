/*
 * The real modules of push, wired as in the program, with a fake server below them: what the tests
 * of topics, queues, sessions and delivery share.
 */
#ifndef TESTS_UNIT_PUSH_FIXTURE_H
#define TESTS_UNIT_PUSH_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"

#define PUSH_EPOCH "deadbeef"
#define PUSH_QUEUE 65536 /* PUSH_QUEUE_BYTES */

struct ev_loop;
struct session;
struct topic;

/* A connection of the fake server; push_conn() or zeroes make one. */
struct conn {
    struct session *session; /* NULL: not connected */
    bool busy;               /* holds an earlier write */
    bool slow;               /* becomes busy with every write */
    bool waking;             /* wants writable() */
    bool killed;             /* was dropped */
    size_t bytes;            /* that were written */
    unsigned frames, pings;
    char received[8192]; /* texts of frames since push_clear(); what does not fit is left out */
    size_t received_len;
    /* Called with each frame, and after each write; may be NULL. */
    void (*on_frame)(struct conn *c, const char *text, size_t len);
    void (*on_write)(struct conn *c);
};

extern struct ev_loop *push_loop;
extern struct config push_config; /* of push_open(): PUSH_QUEUE, 50 sockets of a user */

/* Opens the loop and all modules (group set-up and tear-down of cmocka). */
int push_open(void **state);
int push_close(void **state);

/* Runs the loop until everything due has happened. */
void push_run(void);

/* A session of that user's topic that is READY without having said hello. */
void push_connect(struct conn *c, const char *user_topic);

/* The connection is closed, and the loop frees the session. */
void push_disconnect(struct conn *c);

/* The browser sends a message; nothing else runs. */
void push_say(struct conn *c, const char *text);

/* The kernel has taken the socket's data; queued data is written. */
void push_drain(struct conn *c);

/* Has a frame that contains the text been received since push_clear()? */
bool push_heard(const struct conn *c, const char *text);
void push_clear(struct conn *c);

/* Adds an event of at least that length to the topic's stream, without handing it out. */
void push_add_event(struct topic *t, size_t len);

#endif
