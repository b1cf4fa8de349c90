/*
 * A replay never fills the session's queue: it pauses and goes on when the socket takes more.
 */
#include "push/clients/replay.h"

#include <stddef.h>

#include "push/clients/follow.h"
#include "push/topics/hub.h"
#include "push/metrics.h"
#include "push/topics/repair.h"
#include "push/net/session.h"

struct frame *
replay_event(const struct topic *t, int64_t seq)
{
    struct frame *f = stream_at(&t->stream, seq);

    return f != NULL || t->window == NULL ? f : stream_at(t->window, seq);
}

bool
replay_start(struct follow *f, int64_t next)
{
    f->from = next;
    if (next == f->topic->flushed + 1) {
        follow_move(f, FOLLOW_LIVE);
        return true;
    }
    metrics_observe(HISTOGRAM_REPLAY, f->topic->flushed + 1 - next);
    follow_move(f, FOLLOW_CATCHUP);
    f->next = next;
    return replay_continue(f);
}

bool
replay_continue(struct follow *f)
{
    struct topic *t = f->topic;
    struct session *s = f->session;
    bool lacking = false;

    while (f->next <= t->flushed && session_has_room(s)) {
        struct frame *frame = replay_event(t, f->next);

        if (frame == NULL && f->next < t->trimmed) {
            follow_hold(f, "trimmed");
            return false;
        }
        if (frame == NULL) {
            repair_want(t, f->next, s->user);
            lacking = true;
            break;
        }
        if (!session_queue(s, frame))
            break;
        metrics[METRIC_REPLAYED]++;
        f->next++;
    }
    if (s->code != 0)
        return true;
    if (f->next > t->flushed)
        follow_move(f, FOLLOW_LIVE);
    session_flush(s);
    if (f->state == FOLLOW_CATCHUP && !lacking)
        session_wake(s); /* its queue is full: it goes on when that has room */
    return true;
}
