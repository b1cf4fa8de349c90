/*
 * The answer to a follow waits until everything about it is known: the topic's
 * number and rights, and with `since` that the log still holds the next event.
 * Only then it says `following`, so that a replay is whole or not begun.
 */
#include "push/answer.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/cursor.h"
#include "common/text.h"
#include "push/all.h"
#include "push/metrics.h"
#include "push/reader.h"
#include "push/repair.h"
#include "push/session.h"
#include "push/topics.h"

#define WAIT_US 10000000LL /* for an answer while the database is away */

void
answer_cursor(const struct topic *t, int64_t seq, struct text *out)
{
    text_clear(out);
    cursor_write_one(out, topics_epoch(), t->name, seq);
}

void
answer_since(struct ask *ask, const struct topic *t, const char *cursor, size_t len)
{
    switch (cursor_find(cursor, len, topics_epoch(), t->name, &ask->since)) {
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

/*
 * Before it is refused the database is asked: the right may be younger than
 * what we have relayed, and who was just told of it must not hear "no".
 */
static enum outcome
no_right(struct follow *f)
{
    struct topic *t = f->topic;

    if (f->ask->checked || t->loaded_at >= f->ask->at)
        return t->stream.seen > t->flushed ? OUTCOME_OPEN : OUTCOME_NOT_FOUND;
    repair_verify(t);
    return OUTCOME_OPEN;
}

enum outcome
answer_judge(struct follow *f)
{
    struct topic *t = f->topic;
    struct ask *ask = f->ask;

    if (t->state != TOPIC_READY || ask->beginning != 0 || t->flushed < ask->not_before || beyond(f))
        return OUTCOME_OPEN;
    if (!hub_may(t, f->session->user))
        return no_right(f);
    f->next = t->flushed + 1;
    if (ask->reason != NULL)
        return OUTCOME_RESYNC;
    if (!ask->since_given || ask->since == t->flushed)
        return OUTCOME_FOLLOW;
    if (t->flushed - ask->since > ANSWER_FAR)
        return resync(ask, "too-far");
    if (ask->since + 1 < t->trimmed)
        return resync(ask, "trimmed");
    f->next = ask->since + 1;
    if (follow_event(t, f->next) != NULL)
        return OUTCOME_FOLLOW;
    repair_want(t, f->next, f->session->user);
    return OUTCOME_OPEN;
}

static void
refuse(struct follow *f, const struct ask *ask)
{
    if (ask->asked)
        session_send(f->session, wire_error_frame(WIRE_NOT_FOUND, NULL, ask->ref));
    else if (ask->held)
        session_send(f->session, wire_left(follow_shown(f->topic), "removed"));
    follow_no_more(f, FOLLOW_ASKED | FOLLOW_ALL);
}

void
answer_settle(struct follow *f, enum outcome outcome)
{
    struct ask *ask = f->ask;
    struct text cursor = {0};

    f->ask = NULL;
    answer_cursor(f->topic, f->topic->flushed, &cursor);
    if (outcome == OUTCOME_RESYNC) {
        metrics[METRIC_RESYNCS]++;
        f->next = f->topic->flushed + 1;
        session_send(f->session,
                     wire_resync(follow_shown(f->topic), cursor.bytes, ask->reason, ask->ref));
    } else if (outcome == OUTCOME_FOLLOW && !ask->quiet) {
        session_send(f->session, wire_following(follow_shown(f->topic), cursor.bytes,
                                                ask->since_given, ask->ref));
    }
    text_free(&cursor);
    if (outcome == OUTCOME_NOT_FOUND)
        refuse(f, ask);
    else
        follow_start(f);
    free(ask);
}

void
answer_try(struct follow *f)
{
    enum outcome outcome = answer_judge(f);

    if (outcome == OUTCOME_OPEN)
        return;
    if (f->ask->group == NULL)
        answer_settle(f, outcome);
    else if (f->ask->outcome == OUTCOME_OPEN) {
        f->ask->outcome = (uint8_t)outcome;
        all_one_less(f->ask->group);
    }
}

void
answer_ask(struct session *s, const char *name, const char *since, size_t len, const char *ref)
{
    struct follow *f = follow_find(s, name);
    struct ask *ask;

    if (f == NULL)
        f = follow_begin(s, topics_get(name, s->user), PLACE_WAITING, FOLLOW_ASKED);
    ask = follow_wait(f, FOLLOW_ASKED);
    ask->asked = true;
    memcpy(ask->ref, ref, strlen(ref) + 1);
    if (since != NULL)
        answer_since(ask, f->topic, since, len);
    answer_try(f);
}

/* The database is away for long: better an answer than none. */
void
answer_give_up(struct topic *t)
{
    int64_t before = clock_steady() - WAIT_US;

    for (uint32_t i = t->places[PLACE_WAITING].count; i-- > 0;) {
        struct follow *f;

        if (i >= t->places[PLACE_WAITING].count)
            continue;
        f = t->places[PLACE_WAITING].at[i];
        if (f->ask->at > before || !f->ask->asked)
            continue;
        session_send(f->session, wire_error_frame(WIRE_STORE_AWAY, NULL, f->ask->ref));
        f->ask->ref[0] = '\0'; /* it is answered */
        follow_no_more(f, FOLLOW_ASKED);
    }
}
