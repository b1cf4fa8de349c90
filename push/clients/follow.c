/*
 * A follow is in a list of its topic (hub.c) and in the list of its session.
 */
#include "push/clients/follow.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/must.h"
#include "common/text/text.h"
#include "common/time/clock.h"
#include "push/metrics.h"
#include "push/net/session.h"

static const struct follow_calls *calls;

void
follow_open(const struct follow_calls *to)
{
    calls = to;
}

bool
follow_name(const struct session *s, const char *topic, char out[EVENT_TOPIC])
{
    unsigned char id[ID_BYTES];

    if (strcmp(topic, "user:me") == 0 && !s->by_link) {
        strcpy(out, "user:");
        text_hex(out + 5, s->user, ID_BYTES);
        return true;
    }
    if (strncmp(topic, "project:", 8) != 0 || strlen(topic) != 32 ||
        !text_unhex(id, ID_BYTES, topic + 8) || (s->by_link && memcmp(id, s->sid, ID_BYTES) != 0))
        return false;
    strcpy(out, "project:");
    text_hex(out + 8, id, ID_BYTES); /* upper-case digits name the same project */
    return true;
}

bool
follow_may(const struct topic *t, const struct session *s)
{
    if (s->by_link && t->kind == TOPIC_PROJECT)
        return !t->missing && !t->rights.trashed && memcmp(t->id, s->sid, ID_BYTES) == 0;
    return hub_may(t, s->user);
}

const char *
follow_topic_shown(const struct topic *t)
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
follow_begin(struct session *s, struct topic *t, enum follow_state state, unsigned reasons)
{
    struct follow *f = hub_follow(t, s, state);

    f->reasons = (uint8_t)reasons;
    f->after = s->follows;
    f->link = &s->follows;
    if (f->after != NULL)
        f->after->link = &f->after;
    s->follows = f;
    s->follow_count++;
    metrics[METRIC_FOLLOWS]++;
    return f;
}

void
follow_move(struct follow *f, enum follow_state state)
{
    if (f->state == FOLLOW_CATCHUP)
        f->session->behind--;
    hub_move(f, state);
    if (state == FOLLOW_CATCHUP)
        f->session->behind++;
}

/* ------------------------------------------------------------ requests */

void
follow_group_less(struct follow_group *group)
{
    if (--group->waiting == 0)
        group->complete(group);
}

/* Forgets its request; a browser that waits for the answer is told that it was replaced. */
static void
drop_request(struct follow *f)
{
    struct follow_request *request = follow_request(f);

    if (request == NULL)
        return;
    f->request = NULL;
    if (request->group != NULL && request->outcome == OUTCOME_OPEN)
        follow_group_less(request->group);
    else if (request->ref[0] != '\0')
        session_send(f->session, wire_error_frame(WIRE_REPLACED, NULL, request->ref));
    free(request);
}

struct follow_request *
follow_wait(struct follow *f, unsigned reasons)
{
    struct follow_request *request = must_alloc(1, sizeof(*request));

    drop_request(f);
    f->request = request;
    f->reasons = (uint8_t)(f->reasons | reasons);
    request->at = clock_steady();
    follow_move(f, FOLLOW_WAITING);
    return request;
}

void
follow_hold(struct follow *f, const char *reason)
{
    struct follow_request *request = follow_wait(f, 0);

    request->held = true;
    request->reason = reason;
}

void
follow_resync_all(struct topic *t, const char *reason)
{
    for (int state = FOLLOW_CATCHUP; state <= FOLLOW_LIVE; state++)
        while (t->follows[state].count > 0)
            follow_hold(t->follows[state].at[t->follows[state].count - 1], reason);
    for (uint32_t i = t->follows[FOLLOW_WAITING].count; i-- > 0;) {
        struct follow_request *request = t->follows[FOLLOW_WAITING].at[i]->request;

        if (request->since_given)
            request->reason = reason;
    }
}

/* Stops its events; it goes on after the last one that it got. */
static void
hold_in_place(struct follow *f)
{
    int64_t had = f->state == FOLLOW_CATCHUP ? f->next - 1 : f->topic->flushed;
    struct follow_request *request = follow_wait(f, 0);

    request->held = request->quiet = request->since_given = true;
    request->since = had;
}

void
follow_hold_all(struct topic *t)
{
    for (int state = FOLLOW_CATCHUP; state <= FOLLOW_LIVE; state++)
        while (t->follows[state].count > 0)
            hold_in_place(t->follows[state].at[t->follows[state].count - 1]);
}

/* ------------------------------------------------------------ the end */

void
follow_drop_reasons(struct follow *f, unsigned reasons)
{
    if (f == NULL)
        return;
    f->reasons &= (uint8_t)~reasons;
    if (f->reasons == 0) {
        follow_end(f);
    } else if (f->reasons == REASON_OWN) {
        drop_request(f);
        follow_move(f, FOLLOW_QUIET);
    }
}

void
follow_end(struct follow *f)
{
    struct session *s = f->session;

    calls->ending(f);
    drop_request(f);
    if (f->state == FOLLOW_CATCHUP)
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

bool
follow_end_some(struct session *s, uint32_t *budget)
{
    for (; s->follows != NULL && *budget > 0; --*budget)
        follow_end(s->follows);
    return s->follows == NULL;
}
