/*
 * A follow moves from place to place: WAITING for its answer, CATCHUP while it
 * gets what it missed, LIVE.  A replay never fills the session's queue: it goes
 * on when the socket takes more.
 */
#include "push/follow.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "push/all.h"
#include "push/answer.h"
#include "push/frame.h"
#include "push/metrics.h"
#include "push/presence.h"
#include "push/repair.h"
#include "push/session.h"
#include "push/topics.h"

bool
follow_name(const struct session *s, const char *topic, char out[EVENT_TOPIC])
{
    unsigned char id[12];

    if (strcmp(topic, "user:me") == 0) {
        strcpy(out, "user:");
        text_hex(out + 5, s->user, 12);
        return true;
    }
    if (strncmp(topic, "project:", 8) != 0 || strlen(topic) != 32 || !text_unhex(id, 12, topic + 8))
        return false;
    strcpy(out, "project:");
    text_hex(out + 8, id, 12); /* upper-case digits name the same project */
    return true;
}

const char *
follow_shown(const struct topic *t)
{
    return t->kind == TOPIC_USER ? "user:me" : t->name;
}

struct follow *
follow_find(const struct session *s, const char *name)
{
    const struct topic *t = hub_find(name, strlen(name));

    return t == NULL ? NULL : hub_find_follow(t, s);
}

struct follow *
follow_begin(struct session *s, struct topic *t, enum place place, unsigned why)
{
    struct follow *f = hub_follow(t, s, place);

    f->why = (uint8_t)why;
    f->after = s->follows;
    f->link = &s->follows;
    if (f->after != NULL)
        f->after->link = &f->after;
    s->follows = f;
    s->follow_count++;
    metrics[METRIC_FOLLOWS]++;
    return f;
}

/* Moves it and counts those that catch up. */
static void
place(struct follow *f, enum place where)
{
    if (f->place == PLACE_CATCHUP)
        f->session->behind--;
    hub_place(f, where);
    if (where == PLACE_CATCHUP)
        f->session->behind++;
}

static void
drop_ask(struct follow *f)
{
    struct ask *ask = f->ask;

    f->ask = NULL;
    if (ask == NULL)
        return;
    if (ask->group != NULL && ask->outcome == OUTCOME_OPEN)
        all_one_less(ask->group);
    else if (ask->ref[0] != '\0')
        session_send(f->session, wire_error_frame(WIRE_REPLACED, NULL, ask->ref));
    free(ask);
}

struct ask *
follow_wait(struct follow *f, unsigned why)
{
    struct ask *ask = calloc(1, sizeof(*ask));

    if (ask == NULL)
        abort();
    drop_ask(f);
    f->ask = ask;
    f->why = (uint8_t)(f->why | why);
    ask->at = clock_steady();
    place(f, PLACE_WAITING);
    return ask;
}

/* It gets no more of what it got, and will hear why. */
static void
hold(struct follow *f, const char *reason)
{
    struct ask *ask = follow_wait(f, 0);

    ask->held = true;
    ask->reason = reason;
}

/* ------------------------------------------------------------ the replay */

struct frame *
follow_event(const struct topic *t, int64_t seq)
{
    struct frame *f = stream_at(&t->stream, seq);

    return f != NULL || t->window == NULL ? f : stream_at(t->window, seq);
}

static void pump(struct follow *f);

void
follow_start(struct follow *f)
{
    f->from = f->next;
    if (f->next == f->topic->flushed + 1) {
        place(f, PLACE_LIVE);
        return;
    }
    metrics_observe(HISTOGRAM_REPLAY, f->topic->flushed + 1 - f->next);
    place(f, PLACE_CATCHUP);
    pump(f);
}

/* Queues missed events while the session has room. */
static void
pump(struct follow *f)
{
    struct topic *t = f->topic;
    struct session *s = f->session;
    bool lacking = false;

    while (f->next <= t->flushed && session_has_room(s)) {
        struct frame *frame = follow_event(t, f->next);

        if (frame == NULL && f->next < t->trimmed) {
            hold(f, "trimmed");
            answer_try(f);
            return;
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
        return;
    if (f->next > t->flushed)
        place(f, PLACE_LIVE);
    session_flush(s);
    if (f->place == PLACE_CATCHUP && !lacking)
        session_wake(s); /* it is full; goes on when it has room */
}

void
follow_pump_all(struct session *s)
{
    for (struct follow *f = s->follows, *after; f != NULL && session_has_room(s); f = after) {
        after = f->after;
        if (f->place == PLACE_CATCHUP)
            pump(f);
    }
}

void
follow_news(struct topic *t)
{
    for (uint32_t i = t->places[PLACE_WAITING].count; i-- > 0;)
        if (i < t->places[PLACE_WAITING].count)
            answer_try(t->places[PLACE_WAITING].at[i]);
    for (uint32_t i = t->places[PLACE_CATCHUP].count; i-- > 0;)
        if (i < t->places[PLACE_CATCHUP].count)
            pump(t->places[PLACE_CATCHUP].at[i]);
}

void
follow_resync_all(struct topic *t, const char *reason)
{
    for (int where = PLACE_CATCHUP; where <= PLACE_LIVE; where++)
        while (t->places[where].count > 0)
            hold(t->places[where].at[t->places[where].count - 1], reason);
    for (uint32_t i = t->places[PLACE_WAITING].count; i-- > 0;) {
        struct ask *ask = t->places[PLACE_WAITING].at[i]->ask;

        if (ask->since_given)
            ask->reason = reason;
    }
}

static void
hold_place(struct follow *f)
{
    int64_t had = f->place == PLACE_CATCHUP ? f->next - 1 : f->topic->flushed;
    struct ask *ask = follow_wait(f, 0);

    ask->held = ask->quiet = ask->since_given = true;
    ask->since = had;
}

void
follow_hold_all(struct topic *t)
{
    for (int where = PLACE_CATCHUP; where <= PLACE_LIVE; where++)
        while (t->places[where].count > 0)
            hold_place(t->places[where].at[t->places[where].count - 1]);
}

/* ------------------------------------------------------------ the end */

void
follow_left(struct follow *f, const char *reason)
{
    struct session *s = f->session;

    if (f->place == PLACE_WAITING && f->ask->group == NULL) {
        answer_try(f); /* its answer is that there is no right */
        return;
    }
    metrics[METRIC_LEFTS]++;
    session_send(s, wire_left(follow_shown(f->topic), reason));
    follow_no_more(f, FOLLOW_ASKED | FOLLOW_ALL);
}

void
follow_no_more(struct follow *f, unsigned why)
{
    if (f == NULL)
        return;
    f->why &= (uint8_t)~why;
    if (f->why == 0) {
        follow_end(f);
    } else if (f->why == FOLLOW_OWN) {
        drop_ask(f);
        place(f, PLACE_QUIET);
    }
}

void
follow_end(struct follow *f)
{
    struct session *s = f->session;

    presence_gone(f);
    drop_ask(f);
    all_passed(f);
    if (f->place == PLACE_CATCHUP)
        s->behind--;
    *f->link = f->after;
    if (f->after != NULL)
        f->after->link = f->link;
    s->follow_count--;
    metrics[METRIC_FOLLOWS]--;
    if (s->own == f)
        s->own = NULL;
    hub_unfollow(f);
}
