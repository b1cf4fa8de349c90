/*
 * A follow that waits bears the number of its question, so an answer that comes too late is none.
 */
#include "push/joins.h"

#include <stdlib.h>
#include <string.h>

#include "push/answer.h"
#include "push/follow.h"
#include "push/hub.h"
#include "push/reader.h"
#include "push/reads.h"
#include "push/repair.h"
#include "push/session.h"

static uint32_t numbers;

static void
begin_at(struct follow *f, int64_t seq)
{
    struct ask *ask = f->ask;

    ask->beginning = 0;
    ask->since_given = seq > 0;
    if (seq == 0 && ask->group != NULL)
        ask->reason = "new"; /* the log does not say: refetch */
    ask->since = seq - 1;
    ask->not_before = seq; /* the rights may still be of before it */
    if (f->topic->state == TOPIC_READY && seq > f->topic->stream.seen)
        repair_heard(f->topic, seq);
    answer_try(f);
}

static bool
waits(const struct follow *f, uint32_t number)
{
    return f->ask != NULL && f->ask->beginning == number;
}

/* Hands one number to all that wait for it; true: somebody did. */
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
    for (uint32_t i = t->places[PLACE_WAITING].count; i-- > 0;) {
        if (i >= t->places[PLACE_WAITING].count ||
            !waits(t->places[PLACE_WAITING].at[i], b->number))
            continue;
        found = true;
        if (!only_look)
            begin_at(t->places[PLACE_WAITING].at[i], one->seq);
    }
    return found;
}

static void
found(struct job *job)
{
    struct beginnings *b = (struct beginnings *)job;
    bool failed = job->err != ERR_NONE, wanted = false;

    for (uint32_t i = 0; i < b->count; i++)
        wanted = hand_out(b, &b->items[i], failed) || wanted;
    if (failed && wanted && !reader_is_closing()) {
        reads_beginnings(b);
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
    memcpy(j->user, s->user, 12);
}

void
joins_add(struct joins *j, struct follow *f)
{
    struct beginnings *b = j->asked;

    if (b != NULL && b->count == READS_TOPICS) {
        joins_send(j);
        b = NULL;
    }
    if (b == NULL) {
        if ((b = j->asked = calloc(1, sizeof(*b))) == NULL)
            abort();
        if (++numbers == 0)
            numbers = 1;
        b->number = numbers;
    }
    f->ask->beginning = b->number;
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
    memcpy(b->user, j->user, 12);
    b->job.done = found;
    reads_beginnings(b);
}

void
joins_drop(struct joins *j)
{
    free(j->asked);
    j->asked = NULL;
}
