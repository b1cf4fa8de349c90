/*
 * A frame goes straight to the socket when the queue is empty; otherwise it is queued, and the
 * queue is written in large pieces.
 */
#include "push/net/session.h"

#include <ev.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"
#include "common/base/vec.h"
#include "common/config.h"
#include "common/log.h"
#include "common/time/clock.h"
#include "push/base/frame.h"
#include "push/metrics.h"
#include "push/net/server.h"

#define WRITE_MAX     65536   /* bytes gathered into one write */
#define FLUSH_MAX     1048576 /* bytes written to one socket before others are served */
#define LOW_WATER_MAX 262144  /* bytes queued above which a replay pauses, at most */
#define CLOSE_SECONDS 15      /* for a socket to take what is queued and its close frame */
#define SLOW_SECONDS  3       /* the same for one that was too slow */
#define REAP_FOLLOWS  1024    /* follows of closed sessions ended in one loop iteration */
#define CHECK_SECONDS 30      /* for the database to confirm a session */
#define HEARTBEAT_MAX 25      /* upper bound of PUSH_HEARTBEAT_SECONDS: half-open in 40 s */

static const struct session_calls *calls;
static struct session *pending, *closing, *slots[HEARTBEAT_MAX];
static struct session **ended; /* closed or gone in this loop iteration */
static uint32_t ended_count, ended_room;
static struct ev_loop *loop;
static ev_prepare iteration_ends;
static ev_idle more_to_reap;  /* active while the loop must not wait */
static uint32_t beat_seconds; /* between pings of a socket; also the number of slots in use */
static uint32_t queue_max, low_water, next_slot, next_number;
static int64_t hello_us;
static int64_t next_expiry = INT64_MAX; /* no token expires earlier, s since 1970 */

static void
on_iteration_end(struct ev_loop *l, ev_prepare *w, int events)
{
    (void)l, (void)w, (void)events;
    sessions_reap();
}

static void
on_more(struct ev_loop *l, ev_idle *w, int events)
{
    (void)l, (void)w, (void)events;
}

void
sessions_open(struct ev_loop *with, const struct config *config, const struct session_calls *to)
{
    loop = with;
    calls = to;
    ev_prepare_init(&iteration_ends, on_iteration_end);
    ev_set_priority(&iteration_ends, EV_MINPRI); /* after this iteration's events were sent */
    ev_prepare_start(loop, &iteration_ends);
    ev_idle_init(&more_to_reap, on_more);
    queue_max = (uint32_t)config->push_queue_bytes;
    low_water = queue_max / 4 < LOW_WATER_MAX ? queue_max / 4 : LOW_WATER_MAX;
    beat_seconds = (uint32_t)config->push_heartbeat_seconds;
    hello_us = config->push_hello_seconds * 1000000;
}

int
sessions_heartbeat(void)
{
    return (int)beat_seconds;
}

void
sessions_stop(void)
{
    ev_prepare_stop(loop, &iteration_ends);
    do
        sessions_reap();
    while (ended_count > 0);
    free(ended);
    ended = NULL;
    ended_room = 0;
}

static void
list_add(struct session **list, struct session *s)
{
    s->after = *list;
    s->link = list;
    if (s->after != NULL)
        s->after->link = &s->after;
    *list = s;
}

static void
list_remove(struct session *s)
{
    *s->link = s->after;
    if (s->after != NULL)
        s->after->link = s->link;
}

struct session *
session_open(struct conn *conn)
{
    struct session *s = must_alloc(1, sizeof(*s));

    s->conn = conn;
    s->refs = 1;
    s->number = ++next_number;
    s->since = clock_steady();
    s->active = true;
    list_add(&pending, s);
    metrics[METRIC_SOCKETS]++;
    metrics[METRIC_ACCEPTED]++;
    calls->opened(s);
    return s;
}

void
session_share(struct session *s)
{
    s->refs++;
}

void
session_drop(struct session *s)
{
    if (--s->refs > 0)
        return;
    if (s->code == 0)
        free(s->hello_ref);
    free(s);
}

static void
forget_queue(struct session *s)
{
    metrics[METRIC_QUEUE_BYTES] -= s->outbox.bytes;
    outbox_clear(&s->outbox);
}

/* Ends what it follows; false: some is left for the next loop iteration. */
static bool
release(struct session *s, uint32_t *budget)
{
    if (!calls->release(s, budget))
        return false;
    if (s->state == SESSION_READY)
        metrics[METRIC_SESSIONS]--;
    s->state = SESSION_NEW;
    return true;
}

static void
mark_ended(struct session *s)
{
    if (s->ended)
        return;
    s->ended = true;
    ended = vec_room(ended, ended_count, &ended_room, sizeof(*ended));
    ended[ended_count++] = s;
}

/* From now on it is closing; a hello will not be answered any more. */
static void
set_code(struct session *s, uint16_t code, const char *why)
{
    free(s->hello_ref);
    s->code = code;
    s->why = why;
}

void
session_gone(struct session *s)
{
    if (s->code == 0) /* those that still hold a reference see that it has ended */
        set_code(s, CLOSE_RESTART, "the connection is gone");
    s->conn = NULL;
    mark_ended(s);
}

void
session_close(struct session *s, uint16_t code, const char *why)
{
    if (s->code != 0)
        return;
    set_code(s, code, why);
    s->since = clock_steady();
    mark_ended(s);
}

/* Frees a session that follows nothing any more, or has its close code sent if it is connected. */
static void
reap(struct session *s)
{
    /* Who is not authorised must not get what is queued, and with a full queue the close frame must
     * not wait behind it. */
    if (s->conn == NULL || s->code == CLOSE_UNAUTHORISED || s->code == CLOSE_OVER_LIMIT)
        forget_queue(s);
    list_remove(s);
    if (s->conn == NULL) {
        metrics[METRIC_SOCKETS]--;
        session_drop(s);
        return;
    }
    list_add(&closing, s);
    server_wake(s->conn);
}

void
sessions_reap(void)
{
    uint32_t budget = REAP_FOLLOWS;
    struct session *s;

    while (ended_count > 0 && release(s = ended[ended_count - 1], &budget)) {
        uint32_t at = ended_count - 1;

        while (ended[at] != s) /* others may have ended meanwhile */
            at--;
        ended[at] = ended[--ended_count];
        s->ended = false;
        reap(s);
    }
    if (ended_count > 0)
        ev_idle_start(loop, &more_to_reap);
    else
        ev_idle_stop(loop, &more_to_reap);
}

void
session_ready(struct session *s)
{
    s->state = SESSION_READY;
    metrics_observe(HISTOGRAM_HELLO, (clock_steady() - s->since) / 1000);
    if (next_expiry > s->expires)
        next_expiry = s->expires;
    metrics[METRIC_SESSIONS]++;
    list_remove(s);
    s->slot = (uint8_t)(next_slot++ % beat_seconds);
    list_add(&slots[s->slot], s);
}

size_t
session_message_max(const struct session *s)
{
    return s->state == SESSION_READY ? WIRE_FOLLOW_MAX : WIRE_MAX;
}

void
session_too_large(struct session *s)
{
    metrics[METRIC_CUT_TOO_LARGE]++;
    session_close(s, CLOSE_TOO_LARGE, "message too large");
}

void
session_alive(struct session *s)
{
    s->active = true;
}

void
session_receive(struct session *s, const char *bytes, size_t len, bool binary)
{
    s->active = true;
    metrics[METRIC_MESSAGES_IN]++;
    if (s->code == 0)
        calls->message(s, bytes, len, binary);
}

/* ------------------------------------------------------------ the queue */

bool
session_has_room(const struct session *s)
{
    return s->code == 0 && s->outbox.bytes < low_water;
}

static void
enqueue(struct session *s, struct frame *frame)
{
    outbox_add(&s->outbox, frame);
    metrics[METRIC_QUEUE_BYTES] += frame->len;
}

/* Is there room for `len` more bytes, after writing what the socket takes now? */
static bool
has_room_for(struct session *s, size_t len)
{
    if (s->outbox.count > 0 && s->outbox.bytes + len > queue_max)
        session_flush(s);
    return s->outbox.count == 0 || s->outbox.bytes + len <= queue_max;
}

/*
 * Closes a session whose queue is full.  Dropping single events instead would leave the browser
 * out of date without its knowing; after a reconnect it resumes from its cursor.
 */
static bool
fits(struct session *s, size_t len)
{
    if (has_room_for(s, len))
        return true;
    metrics[METRIC_CUT_SLOW]++;
    session_close(s, CLOSE_OVER_LIMIT, "too slow");
    return false;
}

bool
session_queue(struct session *s, struct frame *frame)
{
    if (s->code != 0 || !has_room_for(s, frame->len))
        return false;
    enqueue(s, frame);
    return true;
}

void
session_send(struct session *s, struct frame *frame)
{
    if (s->code == 0 && s->outbox.count == 0 && !server_busy(s->conn)) {
        server_write(s->conn, frame->bytes, frame->len);
    } else if (s->code == 0 && fits(s, frame->len)) {
        enqueue(s, frame);
        server_wake(s->conn);
    }
    frame_drop(frame);
}

void
session_deliver(struct session *s, struct frame *const *frames, uint32_t count,
                const unsigned char *bytes, size_t len)
{
    if (s->code != 0)
        return;
    if (s->outbox.count == 0 && !server_busy(s->conn)) {
        server_write(s->conn, bytes, len);
        return;
    }
    if (!fits(s, len))
        return;
    for (uint32_t i = 0; i < count; i++)
        enqueue(s, frames[i]);
    server_wake(s->conn);
}

/* Writes the oldest frames in one piece; returns its length. */
static size_t
write_some(struct session *s)
{
    static unsigned char room[WRITE_MAX];
    const unsigned char *bytes;
    uint32_t count;
    size_t len = outbox_gather(&s->outbox, room, sizeof(room), &bytes, &count);

    server_write(s->conn, bytes, len);
    outbox_drop(&s->outbox, count);
    metrics[METRIC_QUEUE_BYTES] -= (int64_t)len;
    return len;
}

void
session_flush(struct session *s)
{
    size_t written = 0;

    while (s->outbox.count > 0 && written < FLUSH_MAX && !server_busy(s->conn))
        written += write_some(s);
    if (s->outbox.count > 0)
        server_wake(s->conn);
}

void
session_wake(struct session *s)
{
    if (s->code == 0)
        server_wake(s->conn);
}

uint16_t
session_writable(struct session *s, const char **reason)
{
    if (s->ended)
        return 0; /* sessions_reap() decides what of its queue is still sent, and wakes it again */
    if (s->outbox.count > 0)
        s->active = true; /* it is taking what was queued: slow, but not dead */
    session_flush(s);
    if (s->code != 0) {
        *reason = s->why;
        return s->outbox.count > 0 || server_busy(s->conn) ? 0 : s->code;
    }
    if (s->behind > 0 && session_has_room(s))
        calls->has_room(s);
    return 0;
}

/* ------------------------------------------------------------ time */

void
sessions_each(void (*fn)(struct session *s, void *arg), void *arg)
{
    for (uint32_t i = 0; i < beat_seconds; i++)
        for (struct session *s = slots[i]; s != NULL; s = s->after)
            if (s->code == 0)
                fn(s, arg);
}

void
sessions_each_pending(void (*fn)(struct session *s, void *arg), void *arg)
{
    for (struct session *s = pending; s != NULL; s = s->after)
        if (s->code == 0)
            fn(s, arg);
}

/* Closes sessions that did not say hello, or could not be checked, in time. */
static void
check_pending(int64_t now)
{
    for (struct session *s = pending; s != NULL; s = s->after) {
        if (s->state == SESSION_NEW && now - s->since >= hello_us) {
            metrics[METRIC_CUT_NO_HELLO]++;
            session_close(s, CLOSE_NO_HELLO, "no hello");
        } else if (s->state == SESSION_CHECKING && now - s->since > CHECK_SECONDS * 1000000LL) {
            metrics[METRIC_CUT_RESTART]++;
            session_close(s, CLOSE_RESTART, "the database is unavailable");
        }
    }
}

static void
check_closing(int64_t now)
{
    for (struct session *s = closing; s != NULL; s = s->after)
        if (s->conn != NULL &&
            now - s->since >
                (s->code == CLOSE_OVER_LIMIT ? SLOW_SECONDS : CLOSE_SECONDS) * 1000000LL)
            server_kill(s->conn);
}

/*
 * Pings the sockets of one slot and drops those of the slot pinged three fifths of a round ago that
 * have not answered.  It counts ticks, not seconds: a pause of this process is not the peers'
 * fault.
 */
static void
heartbeat(void)
{
    static uint32_t beat = HEARTBEAT_MAX;
    struct session *s = slots[++beat % beat_seconds];

    for (; s != NULL; s = s->after) {
        if (s->code != 0)
            continue;
        s->active = false;
        server_ping(s->conn);
    }
    for (s = slots[(beat - beat_seconds * 3 / 5) % beat_seconds]; s != NULL; s = s->after) {
        if (s->active || s->code != 0)
            continue;
        metrics[METRIC_CUT_SILENT]++;
        server_kill(s->conn);
    }
}

/* Closes a session whose token has expired, and finds the next expiry of the others. */
static void
check_expiry(struct session *s, void *arg)
{
    if (s->expires > *(int64_t *)arg) {
        if (next_expiry > s->expires)
            next_expiry = s->expires;
        return;
    }
    metrics[METRIC_CUT_UNAUTHORISED]++;
    session_close(s, CLOSE_UNAUTHORISED, "the token has expired");
}

/* Walks all sessions only when a token may have expired: each one costs a cache miss. */
static void
expire(int64_t now)
{
    if (now < next_expiry)
        return;
    next_expiry = INT64_MAX;
    sessions_each(check_expiry, &now);
}

void
sessions_tick(void)
{
    int64_t now = clock_steady();

    check_pending(now);
    check_closing(now);
    expire(clock_now() / 1000);
    heartbeat();
}

uint32_t
sessions_drain(uint32_t count)
{
    for (int i = -1; i < (int)beat_seconds && count > 0; i++) {
        for (struct session *s = i < 0 ? pending : slots[i]; s != NULL && count > 0; s = s->after) {
            if (s->code != 0)
                continue;
            metrics[METRIC_CUT_RESTART]++;
            session_close(s, CLOSE_RESTART, "restart");
            count--;
        }
    }
    return (uint32_t)metrics[METRIC_SOCKETS];
}
