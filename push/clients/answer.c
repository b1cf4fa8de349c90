/*
 * The answer waits until everything about it is known: the topic's number and rights, and with
 * `since` that the log still holds the next event.  Only then is `following` sent, so a replay is
 * either complete or not begun.
 */
#include "push/clients/answer.h"

#include <stdlib.h>
#include <string.h>

#include "common/change/cursor.h"
#include "common/text/text.h"
#include "common/time/clock.h"
#include "push/clients/replay.h"
#include "push/metrics.h"
#include "push/net/session.h"
#include "push/topics/compare.h"
#include "push/topics/hub.h"
#include "push/topics/repair.h"

#define WAIT_US 10000000LL /* for an answer while the database is away */

/* ------------------------------------------------------------ what the answer is */

static enum outcome
resync(struct follow_request *request, const char *reason)
{
    request->reason = reason;
    return OUTCOME_RESYNC;
}

/* true: its `since` is beyond our head, and it is not known yet whether we are behind the log or
 * the cursor is of another log. */
static bool
is_beyond(struct follow *f)
{
    struct follow_request *request = f->request;

    if (!request->since_given || request->reason != NULL || request->since <= f->topic->flushed)
        return false;
    if (request->since <= f->topic->stream.seen)
        return true; /* a repair is under way */
    if (!request->checked) {
        compare_topic(f->topic);
        return true;
    }
    request->reason = "future";
    return false;
}

/*
 * Before a refusal the database is asked: the right may be younger than what we have relayed, and a
 * client that was just told of it must not be refused.
 */
static enum outcome
no_right(struct follow *f)
{
    struct topic *t = f->topic;

    if (f->request->checked || t->loaded_at >= f->request->at)
        return t->stream.seen > t->flushed ? OUTCOME_OPEN : OUTCOME_NOT_FOUND;
    compare_topic(t);
    return OUTCOME_OPEN;
}

enum outcome
answer_outcome(struct follow *f)
{
    struct topic *t = f->topic;
    struct follow_request *request = f->request;

    if (t->state != TOPIC_READY || request->beginning != 0 || t->flushed < request->not_before ||
        is_beyond(f))
        return OUTCOME_OPEN;
    if (!follow_may(t, f->session))
        return no_right(f);
    request->next = t->flushed + 1;
    if (request->reason != NULL)
        return OUTCOME_RESYNC;
    if (!request->since_given || request->since == t->flushed)
        return OUTCOME_FOLLOW;
    if (t->flushed - request->since > ANSWER_FAR)
        return resync(request, "too-far");
    if (request->since + 1 < t->trimmed)
        return resync(request, "trimmed");
    request->next = request->since + 1;
    if (replay_event(t, request->next) != NULL)
        return OUTCOME_FOLLOW;
    repair_want(t, request->next, f->session->user);
    return OUTCOME_OPEN;
}

/* ------------------------------------------------------------ giving it */

static void
refuse(struct follow *f, const struct follow_request *request)
{
    if (request->asked)
        session_send(f->session, wire_error_frame(WIRE_NOT_FOUND, NULL, request->ref));
    else if (request->held)
        session_send(f->session, wire_left(follow_topic_shown(f->topic), "removed"));
    follow_drop_reasons(f, REASON_NAMED | REASON_ALL);
}

void
answer_settle(struct follow *f, enum outcome outcome)
{
    struct follow_request *request = f->request;
    struct text cursor = {0};

    f->request = NULL;
    cursor_write_one(&cursor, hub_epoch(), f->topic->name, f->topic->flushed);
    if (outcome == OUTCOME_RESYNC) {
        metrics[METRIC_RESYNCS]++;
        request->next = f->topic->flushed + 1;
        session_send(f->session, wire_resync(follow_topic_shown(f->topic), cursor.bytes,
                                             request->reason, request->ref));
    } else if (outcome == OUTCOME_FOLLOW && !request->quiet) {
        session_send(f->session, wire_following(follow_topic_shown(f->topic), cursor.bytes,
                                                request->since_given, request->ref));
    }
    text_free(&cursor);
    if (outcome == OUTCOME_NOT_FOUND)
        refuse(f, request);
    else if (!replay_start(f, request->next))
        answer_try(f);
    free(request);
}

void
answer_try(struct follow *f)
{
    enum outcome outcome = answer_outcome(f);

    if (outcome == OUTCOME_OPEN)
        return;
    if (f->request->group == NULL) {
        answer_settle(f, outcome);
    } else if (f->request->outcome == OUTCOME_OPEN) {
        f->request->outcome = (uint8_t)outcome;
        follow_group_less(f->request->group);
    }
}

void
answer_news(struct topic *t)
{
    for (uint32_t i = t->follows[FOLLOW_WAITING].count; i-- > 0;)
        if (i < t->follows[FOLLOW_WAITING].count)
            answer_try(t->follows[FOLLOW_WAITING].at[i]);
    for (uint32_t i = t->follows[FOLLOW_CATCHUP].count; i-- > 0;) {
        struct follow *f =
            i < t->follows[FOLLOW_CATCHUP].count ? t->follows[FOLLOW_CATCHUP].at[i] : NULL;

        if (f != NULL && !replay_continue(f))
            answer_try(f);
    }
}

void
answer_checked(struct topic *t, int64_t asked_at)
{
    for (uint32_t i = 0; i < t->follows[FOLLOW_WAITING].count; i++)
        if (t->follows[FOLLOW_WAITING].at[i]->request->at <= asked_at)
            t->follows[FOLLOW_WAITING].at[i]->request->checked = true;
    answer_news(t);
}

void
answer_resume(struct session *s)
{
    for (struct follow *f = s->follows, *after; f != NULL && session_has_room(s); f = after) {
        after = f->after;
        if (f->state == FOLLOW_CATCHUP && !replay_continue(f))
            answer_try(f);
    }
}

void
answer_left(struct follow *f, const char *reason)
{
    if (f->state == FOLLOW_WAITING && f->request->group == NULL) {
        answer_try(f); /* its answer is that there is no right */
        return;
    }
    metrics[METRIC_FOLLOWS_REVOKED]++;
    session_send(f->session, wire_left(follow_topic_shown(f->topic), reason));
    follow_drop_reasons(f, REASON_NAMED | REASON_ALL);
}

/* ------------------------------------------------------------ asking */

/* Takes `since` from a cursor, or the reason why that is no good. */
static void
read_since(struct follow_request *request, const struct topic *t, const char *cursor, size_t len)
{
    switch (cursor_find(cursor, len, hub_epoch(), t->name, &request->since)) {
    case CURSOR_OK:
        request->since_given = true;
        break;
    case CURSOR_MALFORMED:
        request->reason = "bad-cursor";
        break;
    case CURSOR_OTHER_EPOCH:
        request->reason = "epoch";
        break;
    }
}

void
answer_ask(struct session *s, const char *name, const char *since, size_t len, const char *ref)
{
    struct follow *f = follow_find(s, name);
    struct follow_request *request;

    if (f == NULL)
        f = follow_begin(s, hub_want(name, s->user), FOLLOW_WAITING, REASON_NAMED);
    request = follow_wait(f, REASON_NAMED);
    request->asked = true;
    memcpy(request->ref, ref, strlen(ref) + 1);
    if (since != NULL)
        read_since(request, f->topic, since, len);
    answer_try(f);
}

/* Answers one request with `store-away` if it is older than that. */
static void
give_up(struct follow *f, int64_t before)
{
    if (f->request->at > before || !f->request->asked)
        return;
    session_send(f->session, wire_error_frame(WIRE_STORE_AWAY, NULL, f->request->ref));
    f->request->ref[0] = '\0'; /* it is answered */
    follow_drop_reasons(f, REASON_NAMED);
}

void
answer_give_up(struct topic *t)
{
    int64_t before = clock_steady() - WAIT_US;

    for (uint32_t i = t->follows[FOLLOW_WAITING].count; i-- > 0;)
        if (i < t->follows[FOLLOW_WAITING].count)
            give_up(t->follows[FOLLOW_WAITING].at[i], before);
}
