/*
 * A follow waits until everything about its answer is known: the topic's number
 * and rights, and with `since` that the log still holds the next event.  Only
 * then it says `following`, so that a replay is whole or not begun.
 */
#include "push/follow.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "push/all.h"
#include "push/frame.h"
#include "push/metrics.h"
#include "push/presence.h"
#include "push/relay.h"
#include "push/repair.h"
#include "push/session.h"

bool
follow_name(const struct session *s, const char *topic, char out[EVENT_TOPIC])
{
    unsigned char id[12];

    if (strcmp(topic, "user:me") == 0) {
        strcpy(out, "user:");
        text_hex(out + 5, s->user, 12);
        return true;
    }
    if (strncmp(topic, "project:", 8) != 0 || strlen(topic) != 32 ||
        !text_unhex(id, 12, topic + 8))
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

void
follow_cursor(const struct topic *t, int64_t seq, struct text *out)
{
    text_clear(out);
    cursor_begin(out, relay_epoch());
    cursor_add(out, t->name, seq);
}

struct follow *
follow_find(const struct session *s, const char *name)
{
    struct follow *f = s->follows;

    while (f != NULL && strcmp(f->topic->name, name) != 0)
        f = f->after;
    return f;
}

struct follow *
follow_begin(struct session *s, struct topic *t, enum place place, unsigned why)
{
    struct follow *f = hub_follow(t, s, place);

    f->why = (uint8_t)why;
    f->after = s->follows;
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
    else if (ask->ref[0] != '\0' && f->session->code == 0)
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

void
follow_since(struct ask *ask, const struct topic *t, const char *cursor, size_t len)
{
    switch (cursor_find(cursor, len, relay_epoch(), t->name, &ask->since)) {
    case CURSOR_OK:
        ask->since_given = true;
        break;
    case CURSOR_MALFORMED:
        ask->reason = "bad-cursor";
        break;
    case CURSOR_OTHER_EPOCH:
        ask->reason = "epoch";
        break;
    }
}

void
follow_ask(struct session *s, const char *name, const char *since, size_t len, const char *ref)
{
    struct follow *f = follow_find(s, name);
    struct ask *ask;

    if (f == NULL)
        f = follow_begin(s, relay_topic(name), PLACE_WAITING, FOLLOW_ASKED);
    ask = follow_wait(f, FOLLOW_ASKED);
    memcpy(ask->ref, ref, strlen(ref) + 1);
    if (since != NULL)
        follow_since(ask, f->topic, since, len);
    follow_try(f);
}

/* ------------------------------------------------------------ the answer */

static struct frame *
event_at(const struct topic *t, int64_t seq)
{
    struct frame *f = stream_at(&t->stream, seq);

    return f != NULL || t->window == NULL ? f : stream_at(t->window, seq);
}

static enum outcome
resync(struct ask *ask, const char *reason)
{
    ask->reason = reason;
    return OUTCOME_RESYNC;
}

/* A since beyond our head: either we are behind, or it is of no log of ours. */
static bool
beyond(struct follow *f)
{
    struct ask *ask = f->ask;

    if (!ask->since_given || ask->reason != NULL || ask->since <= f->topic->flushed)
        return false;
    if (ask->since <= f->topic->stream.seen)
        return true; /* a repair is on its way */
    if (!ask->checked) {
        repair_verify(f->topic);
        return true;
    }
    ask->reason = "future";
    return false;
}

enum outcome
follow_judge(struct follow *f)
{
    struct topic *t = f->topic;
    struct ask *ask = f->ask;

    if (t->state != TOPIC_READY || ask->beginning || t->flushed < ask->not_before || beyond(f))
        return OUTCOME_OPEN;
    if (!hub_may(t, f->session->user))
        return OUTCOME_NOT_FOUND;
    f->next = t->flushed + 1;
    if (ask->reason != NULL)
        return OUTCOME_RESYNC;
    if (!ask->since_given || ask->since == t->flushed)
        return OUTCOME_FOLLOW;
    if (t->flushed - ask->since > FOLLOW_FAR)
        return resync(ask, "too-far");
    if (ask->since + 1 < t->trimmed)
        return resync(ask, "trimmed");
    f->next = ask->since + 1;
    if (event_at(t, f->next) != NULL)
        return OUTCOME_FOLLOW;
    repair_want(t, f->next);
    return OUTCOME_OPEN;
}

static void pump(struct follow *f);

static void
start(struct follow *f)
{
    if (f->next == f->topic->flushed + 1) {
        place(f, PLACE_LIVE);
        return;
    }
    metrics_observe(HISTOGRAM_REPLAY, f->topic->flushed + 1 - f->next);
    place(f, PLACE_CATCHUP);
    pump(f);
}

static void
refuse(struct follow *f, const struct ask *ask)
{
    if (!ask->quiet)
        session_send(f->session, wire_error_frame(WIRE_NOT_FOUND, NULL, ask->ref));
    follow_no_more(f, FOLLOW_ASKED | FOLLOW_ALL);
}

void
follow_settle(struct follow *f, enum outcome outcome)
{
    struct ask *ask = f->ask;
    struct text cursor = {0};

    f->ask = NULL;
    follow_cursor(f->topic, f->topic->flushed, &cursor);
    if (outcome == OUTCOME_RESYNC) {
        metrics[METRIC_RESYNCS]++;
        f->next = f->topic->flushed + 1;
        session_send(f->session, wire_resync(follow_shown(f->topic), cursor.bytes, ask->reason,
                                             ask->ref));
    } else if (outcome == OUTCOME_FOLLOW && !ask->quiet) {
        session_send(f->session, wire_following(follow_shown(f->topic), cursor.bytes,
                                                ask->since_given, NULL, ask->ref));
    }
    text_free(&cursor);
    if (f->session->code == 0 && outcome != OUTCOME_NOT_FOUND)
        start(f);
    else if (f->session->code == 0)
        refuse(f, ask);
    free(ask);
}

void
follow_try(struct follow *f)
{
    enum outcome outcome = follow_judge(f);

    if (outcome == OUTCOME_OPEN)
        return;
    if (f->ask->group == NULL)
        follow_settle(f, outcome);
    else if (f->ask->outcome == OUTCOME_OPEN) {
        f->ask->outcome = (uint8_t)outcome;
        all_one_less(f->ask->group);
    }
}

/* ------------------------------------------------------------ the replay */

/* Queues missed events while the session has room. */
static void
pump(struct follow *f)
{
    struct topic *t = f->topic;
    struct session *s = f->session;
    bool lacking = false;

    while (f->next <= t->flushed && session_has_room(s)) {
        struct frame *frame = event_at(t, f->next);

        if (frame == NULL && f->next < t->trimmed) {
            follow_wait(f, 0)->reason = "trimmed";
            follow_try(f);
            return;
        }
        if (frame == NULL) {
            repair_want(t, f->next);
            lacking = true;
            break;
        }
        session_queue(s, frame);
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
            follow_try(t->places[PLACE_WAITING].at[i]);
    for (uint32_t i = t->places[PLACE_CATCHUP].count; i-- > 0;)
        if (i < t->places[PLACE_CATCHUP].count)
            pump(t->places[PLACE_CATCHUP].at[i]);
}

void
follow_resync_all(struct topic *t, const char *reason)
{
    for (int where = PLACE_CATCHUP; where <= PLACE_LIVE; where++)
        while (t->places[where].count > 0)
            follow_wait(t->places[where].at[t->places[where].count - 1], 0)->reason = reason;
    for (uint32_t i = t->places[PLACE_WAITING].count; i-- > 0;) {
        struct ask *ask = t->places[PLACE_WAITING].at[i]->ask;

        if (ask->since_given)
            ask->reason = reason;
    }
}

/* ------------------------------------------------------------ the end */

void
follow_left(struct follow *f, const char *reason)
{
    struct session *s = f->session;

    if (f->place == PLACE_WAITING && f->ask->group == NULL) {
        follow_try(f); /* its answer is that there is no right */
        return;
    }
    metrics[METRIC_LEFTS]++;
    session_send(s, wire_left(follow_shown(f->topic), reason));
    if (s->code == 0)
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
    struct follow **at = &s->follows;

    presence_gone(f);
    drop_ask(f);
    if (f->place == PLACE_CATCHUP)
        s->behind--;
    while (*at != f)
        at = &(*at)->after;
    *at = f->after;
    s->follow_count--;
    metrics[METRIC_FOLLOWS]--;
    if (s->own == f)
        s->own = NULL;
    hub_unfollow(f);
}
