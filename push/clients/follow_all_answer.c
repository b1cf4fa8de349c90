/*
 * The common answer says how every topic goes on; topics whose cursor does not suffice also get a
 * resync of their own afterwards.
 */
#include "push/clients/follow_all_answer.h"

#include <string.h>

#include "common/text/text.h"
#include "push/clients/answer.h"
#include "push/clients/follow_all_inside.h"
#include "push/net/session.h"
#include "push/sources/reads_people.h"
#include "push/topics/hub.h"

/* On a topic that was followed by name before: does every event after the cursor follow? */
static bool
covers(const struct follow_all *a, const struct follow *f)
{
    const struct follow_request *request = follow_request(f);
    int64_t seq;

    if (!cursor_seq(&a->since, f->topic->name, &seq))
        return true; /* it has an answer of its own, and is not in the cursor */
    if (request != NULL)
        return request->since_given && request->reason == NULL && request->since <= seq;
    return f->from > 0 && f->from <= seq + 1;
}

/* Will every event since the cursor have been sent, on all topics? */
static bool
recovers_all(const struct follow_all *a)
{
    if (!a->since_given || a->reason != NULL)
        return false;
    for (struct follow *f = a->session->follows; f != NULL; f = f->after) {
        const struct follow_request *request = follow_grouped(f, &a->group);

        if (request != NULL) {
            if (request->outcome == OUTCOME_RESYNC)
                return false;
        } else if ((f->reasons & REASON_NAMED) && (f->reasons & REASON_ALL) && !covers(a, f)) {
            return false;
        }
    }
    return true;
}

/* Fixes what the common answer says of a topic, as its own answer comes in a later iteration. */
static void
pin(struct follow_all *a, struct follow *f)
{
    struct follow_request *request = follow_grouped(f, &a->group);

    if (request == NULL)
        return;
    if (a->reason != NULL || (!request->since_given && request->outcome == OUTCOME_FOLLOW)) {
        request->reason = NULL;
        request->since_given = true;
        request->since = f->topic->flushed;
    }
}

void
follow_all_answer_send(struct follow_all *a)
{
    struct cursor places = {0};
    struct text cursor = {0}, topics = {0};
    bool recovered = recovers_all(a);

    text_putc(&topics, '[');
    for (struct follow *f = a->session->follows; f != NULL; f = f->after) {
        const struct follow_request *request = follow_request(f);

        if (!(f->reasons & REASON_ALL) || f->topic->state != TOPIC_READY ||
            (request != NULL && request->outcome == OUTCOME_NOT_FOUND))
            continue;
        cursor_put(&places, f->topic->name, f->topic->flushed);
        text_puts(&topics, topics.len > 1 ? ",\"" : "\"");
        text_puts(&topics, follow_topic_shown(f->topic));
        text_putc(&topics, '"');
        pin(a, f);
    }
    text_putc(&topics, ']');
    cursor_write(&places, hub_epoch(), &cursor);
    cursor_free(&places);
    if (a->reason != NULL)
        session_send(a->session, wire_resync("all", cursor.bytes, a->reason, a->ref));
    else
        session_send(a->session, wire_following_all(cursor.bytes, recovered, topics.bytes,
                                                    a->list->cut, a->ref));
    text_free(&cursor);
    text_free(&topics);
}

void
follow_all_answer_settle(struct follow_all *a, uint32_t *budget)
{
    for (; a->next != NULL && *budget > 0; --*budget) {
        struct follow *f = a->next;
        struct follow_request *request = follow_grouped(f, &a->group);
        enum outcome outcome;

        a->next = f->after;
        if (request == NULL)
            continue;
        request->group = NULL;
        request->quiet = true;
        outcome = answer_outcome(f);
        if (outcome != OUTCOME_OPEN)
            answer_settle(f, outcome);
    }
}

void
follow_all_answer_leave(struct follow_all *a, uint32_t *budget)
{
    char name[EVENT_TOPIC];

    for (; *budget > 0 && a->at < a->since.count; --*budget) {
        cursor_topic(&a->since.places[a->at++], name);
        if (strncmp(name, "project:", 8) == 0 && follow_find(a->session, name) == NULL &&
            !skips_has(&a->skips, name))
            session_send(a->session, wire_left(name, "removed"));
    }
}
