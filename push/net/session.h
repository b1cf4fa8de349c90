/*
 * One browser's connection: its state, its bounded queue, its end.  What it follows and what it may
 * send is decided by the modules above, which are notified through `session_calls`.
 *
 * Closing only marks.  Whatever sends to a session may find its queue full and close it, so after
 * any such call the session may be closing (code != 0): it gets nothing more, but the session, its
 * follows, their asks and its `all` stay valid until the loop iteration ends.  Then
 * sessions_reap() frees them, and nothing else does.
 */
#ifndef PUSH_NET_SESSION_H
#define PUSH_NET_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/id.h"
#include "push/base/outbox.h"
#include "push/base/wire.h"

struct follow_all;
struct config;
struct conn;
struct ev_loop;
struct follow;
struct frame;

enum session_state {
    SESSION_NEW,      /* has not said hello */
    SESSION_CHECKING, /* its token is valid; the database is asked whether it has been revoked */
    SESSION_READY,
};

/*
 * There is one per idle socket, so the members leave no padding: 152 bytes.  The first 64 are all
 * that the delivery of an event reads.
 */
struct session {
    struct conn *conn; /* NULL: the connection is gone */
    struct outbox outbox;
    uint16_t code;     /* the close code; 0 while it is open */
    int16_t allowance; /* messages it may still send in a burst */
    uint8_t state;
    uint8_t slot;     /* of the heartbeat */
    bool ended : 1;   /* sessions_reap() has still to work on it */
    bool active : 1;  /* it has sent something since the last ping */
    bool shown : 1;   /* others may see its presence */
    bool chosen : 1;  /* `shown` came from an event, newer than what hello read */
    bool asked : 1;   /* waits to be checked, or is being checked */
    bool by_link : 1; /* of a share link's reader: `user` is the link's id, `sid` its project's */
    bool doubted : 1; /* READY, but the epoch is new: to be checked again */
    struct session *after, **link; /* its list: pending, a heartbeat slot, or closing */
    struct follow *follows;
    struct follow *own;     /* of its user's topic */
    struct follow_all *all; /* NULL: does not follow `all` */
    union {
        char *hello_ref; /* while code is 0: of a hello that has not been answered; or NULL */
        const char *why; /* afterwards: the reason it is closed with */
    };
    int64_t credential_gen; /* of the user's credentials under which its login session was opened */
    int64_t expires;        /* the token, in seconds since 1970 */
    int64_t since;          /* steady us: opened, said hello, or closing */
    unsigned char user[ID_BYTES], sid[ID_BYTES];
    uint32_t refs;    /* the connection, and database reads under way */
    uint32_t number;  /* unique in this process */
    int32_t refilled; /* steady seconds when the allowance was last topped up */
    uint16_t follow_count;
    uint16_t behind; /* follows that are catching up */
};

/* What a session reports. */
struct session_calls {
    /* It was opened. */
    void (*opened)(struct session *s);
    /* One whole message of a session that is not closing. */
    void (*message)(struct session *s, const char *bytes, size_t len, bool binary);
    /* Its queue has room and some of its follows are catching up. */
    void (*has_room)(struct session *s);
    /* It has ended: end up to *budget of its follows and reduce *budget accordingly.  true: it
     * follows nothing any more; false: call again in the next loop iteration. */
    bool (*release)(struct session *s, uint32_t *budget);
};

/* Takes the limits.  From now on every loop iteration ends with sessions_reap(). */
void sessions_open(struct ev_loop *loop, const struct config *config,
                   const struct session_calls *calls);

/* Seconds between two pings of a socket. */
int sessions_heartbeat(void);

/* Frees what ended sessions hold; there will be no further loop iterations. */
void sessions_stop(void);

/* ---- for the server: the functions of struct server_calls ---- */

struct session *session_open(struct conn *conn);
void session_receive(struct session *s, const char *bytes, size_t len, bool binary);
size_t session_message_max(const struct session *s);
void session_too_large(struct session *s);
void session_alive(struct session *s);
uint16_t session_writable(struct session *s, const char **reason);
void session_gone(struct session *s);

/* ---- for the modules above ---- */

/* Keeps the struct for an answer that comes later; session_drop() may free it. */
void session_share(struct session *s);
void session_drop(struct session *s);

/*
 * Sends one frame and drops the caller's reference; does nothing else when the session is closing.
 * The session may be closing when it returns.
 */
void session_send(struct session *s, struct frame *frame);

/*
 * Sends `count` events, given both as frames and as their bytes in one piece; nothing when the
 * session is closing.  The session may be closing when it returns.
 */
void session_deliver(struct session *s, struct frame *const *frames, uint32_t count,
                     const unsigned char *bytes, size_t len);

/*
 * Queues one event of a replay; call session_flush() after the last one.  false: it does not fit
 * behind what is queued and was not added; try again when the socket has taken that.  An empty
 * queue accepts an event of any size, so a client that reads always makes progress.  Neither
 * function closes the session.
 */
bool session_queue(struct session *s, struct frame *frame);
void session_flush(struct session *s);

/* Asks for has_room() when the socket takes more. */
void session_wake(struct session *s);

/* May a replay queue more? */
bool session_has_room(const struct session *s);

/*
 * Marks it as closing: it gets nothing more.  When the loop iteration ends its follows end, and the
 * socket is closed with that code after what is queued.  Does nothing if it is closing already.
 */
void session_close(struct session *s, uint16_t code, const char *why);

/* Its token was checked: it becomes READY. */
void session_ready(struct session *s);

/* Calls fn for every session that is READY (that is not READY yet), unless it is closing. */
void sessions_each(void (*fn)(struct session *s, void *arg), void *arg);
void sessions_each_pending(void (*fn)(struct session *s, void *arg), void *arg);

/* Once a second: deadlines, pings, expired tokens. */
void sessions_tick(void);

/* Closes up to `count` sessions with 1012; returns how many sockets are still open. */
uint32_t sessions_drain(uint32_t count);

/*
 * At the end of a loop iteration: frees what ended sessions hold.  Thousands of follows are ended
 * over several iterations.
 */
void sessions_reap(void);

#endif
