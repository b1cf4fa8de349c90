/*
 * One browser: its state, its bounded queue, its end.  Which topics it follows
 * is in follow.h, what it may say in ops.c.
 *
 * Closing only marks.  Whatever sends to a session may find its queue full and close it, so after
 * any such call the session may be closing (code != 0): it gets nothing more, but the session, its
 * follows, their asks and its `all` stay valid until the turn of the loop ends.  Then
 * sessions_reap() frees them, and nothing else does.
 */
#ifndef PUSH_SESSION_H
#define PUSH_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "push/outbox.h"

struct all;
struct config;
struct conn;
struct ev_loop;
struct follow;
struct frame;

/* Why a socket is closed, as WebSocket close codes. */
#define CLOSE_RESTART      1012
#define CLOSE_TOO_LARGE    1009
#define CLOSE_UNAUTHORISED 4401
#define CLOSE_FORBIDDEN    4403 /* an API token; a foreign origin gets HTTP's 403 */
#define CLOSE_NO_HELLO     4408
#define CLOSE_OVER_LIMIT   4429

enum session_state {
    SESSION_NEW,      /* has not said hello */
    SESSION_CHECKING, /* its token is good; the database is asked whether it still stands */
    SESSION_READY,
};

struct session {
    struct conn *conn;             /* NULL: the connection is gone */
    struct session *after, **link; /* its list: fresh, a heartbeat slot, or closing */
    struct session *next_ended;    /* on the list that sessions_reap() works off */
    struct follow *follows;
    struct follow *own; /* on its user's topic */
    struct all *all;    /* NULL: does not follow `all` */
    char *hello_ref;
    struct outbox outbox; /* what waits for the socket */
    uint32_t refs;        /* the connection, and reads under way */
    uint32_t follow_count;
    uint32_t behind; /* follows that catch up */
    uint32_t number; /* no other of this daemon has it */
    uint16_t code;   /* the close code, once it is to end */
    uint8_t state;
    uint8_t slot; /* of the heartbeat */
    bool ended;   /* on that list: sessions_reap() has not been there yet */
    bool heard;   /* since the last ping */
    bool shown;   /* wants to be seen by presence */
    bool chosen;  /* an event said so, which what hello read must not undo */
    bool asked;   /* on the list of those to be checked */
    bool doubted; /* READY, but the database has another epoch since: to be checked again */
    unsigned char user[12], sid[12];
    int64_t generation; /* of its user's credentials, which its session was opened under */
    int16_t allowance;  /* what it may still spend in a burst */
    int32_t refilled;   /* steady seconds when it was filled up */
    int64_t expires;    /* of the token, seconds since 1970 */
    int64_t since;      /* steady us: opened, said hello, or closing */
    const char *why;    /* it is closed */
};

/* Takes the limits; from now on every turn of the loop ends with sessions_reap(). */
void sessions_open(struct ev_loop *loop, const struct config *config);

/* Seconds between two pings of a socket. */
int sessions_heartbeat(void);

/* No more turns: frees what the sessions that have ended hold. */
void sessions_stop(void);

/* ---- for server.c ---- */

/* A new connection. */
struct session *session_open(struct conn *conn);

/* A whole message.  The session may be closing when it returns. */
void session_receive(struct session *s, const char *bytes, size_t len, bool binary);

/* The largest message that it may send now, in bytes. */
size_t session_message_max(const struct session *s);

/* A message was larger than its kind may be: closes the session. */
void session_too_large(struct session *s);

/* The peer gave a sign of life. */
void session_heard(struct session *s);

/* Writes what waits; false: close the connection now with s->code and s->why. */
bool session_writable(struct session *s);

/* The connection is gone.  Its server must not use s any more; others may until the turn ends. */
void session_gone(struct session *s);

/* ---- for the others ---- */

void session_share(struct session *s);
void session_drop(struct session *s);

/*
 * Sends a frame of its own and takes the caller's reference; nothing when it is closing.  The
 * session may be closing when it returns.
 */
void session_send(struct session *s, struct frame *frame);

/*
 * Sends events that lie in `bytes` one after the other, and each in its frame; nothing when it is
 * closing.  The session may be closing when it returns.
 */
void session_deliver(struct session *s, struct frame *const *frames, uint32_t count,
                     const unsigned char *bytes, size_t len);

/*
 * Queues one event of a replay; session_flush() when the last is in.  false: it does not fit behind
 * what waits, and was not queued; try again when the socket has taken that.  An empty queue takes
 * an event of any size, so whoever reads gets on.  Neither closes the session.
 */
bool session_queue(struct session *s, struct frame *frame);
void session_flush(struct session *s);

/* Lets its replays go on when the socket takes more. */
void session_wake(struct session *s);

/* May a replay queue more? */
bool session_has_room(const struct session *s);

/*
 * Marks it as closing: it gets nothing more.  When the turn ends it gives up its follows, and the
 * socket is closed with that code behind what is queued.  Nothing when it is closing already.
 */
void session_close(struct session *s, uint16_t code, const char *why);

/* It said hello and was checked. */
void session_ready(struct session *s);

/* Calls fn for every session that is READY, or that waits to be, unless it is closing. */
void sessions_each(void (*fn)(struct session *s, void *arg), void *arg);
void sessions_each_fresh(void (*fn)(struct session *s, void *arg), void *arg);

/* Once a second: deadlines, pings, expired tokens. */
void sessions_tick(void);

/* Closes up to so many with 1012; the number that is still open. */
uint32_t sessions_drain(uint32_t count);

/*
 * The turn of the loop ends: frees what those hold that were closed, or whose connection went; of
 * thousands of follows some in each turn.
 */
void sessions_reap(void);

#endif
