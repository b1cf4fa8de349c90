/*
 * A waiting request holds the number of its query, so an answer that comes too late finds nobody.
 */
#include "push/clients/joins.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/must.h"
#include "push/clients/answer.h"
#include "push/clients/follow.h"
#include "push/net/session.h"
#include "push/sources/reader.h"
#include "push/sources/reads_people.h"
#include "push/topics/hub.h"
#include "push/topics/repair.h"

static uint32_t numbers;

/* The right began with that event (0: the log does not say), so its events begin there. */
static void
begin_at(struct follow *f, int64_t seq)
{
    struct follow_request *request = f->request;

    request->beginning = 0;
    request->since_given = seq > 0;
    if (seq == 0 && request->group != NULL)
        request->reason = "new"; /* the log no longer has it: refetch */
    request->since = seq - 1;
    request->not_before = seq; /* the rights we know may still be older */
    if (f->topic->state == TOPIC_READY && seq > f->topic->stream.seen)
        repair_announced(f->topic, seq);
    answer_try(f);
}

static bool
waits(const struct follow *f, uint32_t number)
{
    const struct follow_request *request = follow_request(f);

    return request != NULL && request->beginning == number;
}

/* Gives one number to every follow that waits for it (unless only_look); true: one waited. */
static bool
hand_out(const struct beginnings *b, const struct beginning *one, bool only_look)
{
    struct topic *t = hub_find(one->topic, strlen(one->topic));
    struct follow *f;
    bool found = false;

    if (t == NULL)
        return false;
    if (b->session != NULL) {
        f = b->session->code == 0 ? hub_find_follow(t, b->session) : NULL;
        if ((found = f != NULL && waits(f, b->number)) && !only_look)
            begin_at(f, one->seq);
        return found;
    }
    for (uint32_t i = t->follows[FOLLOW_WAITING].count; i-- > 0;) {
        if (i >= t->follows[FOLLOW_WAITING].count ||
            !waits(t->follows[FOLLOW_WAITING].at[i], b->number))
            continue;
        found = true;
        if (!only_look)
            begin_at(t->follows[FOLLOW_WAITING].at[i], one->seq);
    }
    return found;
}

/* The query has ended: hands out its numbers, or repeats it while somebody waits for them. */
static void
found(struct job *job)
{
    struct beginnings *b = (struct beginnings *)job;
    bool failed = job->err != ERR_NONE, wanted = false;

    for (uint32_t i = 0; i < b->count; i++)
        wanted = hand_out(b, &b->items[i], failed) || wanted;
    if (failed && wanted && !reader_is_closing()) {
        reads_people_beginnings(b);
        return;
    }
    if (b->session != NULL)
        session_drop(b->session);
    free(b);
}

void
joins_begin(struct joins *j, struct session *s)
{
    j->session = s;
    j->rev = -1;
    memcpy(j->user, s->user, ID_BYTES);
}

void
joins_add(struct joins *j, struct follow *f)
{
    struct beginnings *b = j->asked;

    if (b != NULL && b->count == READS_PEOPLE_MAX) {
        joins_send(j);
        b = NULL;
    }
    if (b == NULL) {
        b = j->asked = must_alloc(1, sizeof(*b));
        if (++numbers == 0)
            numbers = 1;
        b->number = numbers;
    }
    f->request->beginning = b->number;
    if (b->count == 0 || strcmp(b->items[b->count - 1].topic, f->topic->name) != 0)
        strcpy(b->items[b->count++].topic, f->topic->name);
}

void
joins_send(struct joins *j)
{
    struct beginnings *b = j->asked;

    j->asked = NULL;
    if (b == NULL)
        return;
    if ((b->session = j->session) != NULL)
        session_share(b->session);
    b->rev = j->rev;
    memcpy(b->user, j->user, ID_BYTES);
    b->job.done = found;
    reads_people_beginnings(b);
}

void
joins_drop(struct joins *j)
{
    free(j->asked);
    j->asked = NULL;
}
