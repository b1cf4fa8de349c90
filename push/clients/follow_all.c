/*
 * The list of projects is read when the user's topic and `everyone` are followed already, so what
 * changes after the reading arrives as an event there.  The answer is given when every topic of the
 * list can be answered.  Each loop iteration does a bounded part of the work: an `all` with
 * something to do is in the list of busy ones.
 */
#include "push/clients/follow_all.h"

#include <ev.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/id.h"
#include "common/base/must.h"
#include "common/text/text.h"
#include "push/clients/answer.h"
#include "push/clients/follow_all_answer.h"
#include "push/clients/follow_all_inside.h"
#include "push/clients/lists.h"
#include "push/net/session.h"
#include "push/sources/reads_people.h"
#include "push/topics/hub.h"

/* The work of one loop iteration, for all sessions together, in topics asked for or answered. */
#define BUDGET          256
#define ANSWER_COST     8  /* of the common answer ... */
#define TOPICS_PER_COST 16 /* ... and 1 more for so many topics in it */

static struct {
    struct ev_loop *loop;
    ev_prepare iteration;
    ev_idle no_wait;                  /* active while there is work: the loop must not wait */
    struct follow_all *first, **last; /* the busy ones */
    uint32_t last_number;
} alls = {.last = &alls.first};

/* ------------------------------------------------------------ the busy ones */

/* Puts it at the end of the busy ones, unless it is one of them. */
static void
busy_add(struct follow_all *a)
{
    if (a->link != NULL)
        return;
    a->after = NULL;
    a->link = alls.last;
    *alls.last = a;
    alls.last = &a->after;
    ev_idle_start(alls.loop, &alls.no_wait);
}

static void
busy_remove(struct follow_all *a)
{
    if (a->link == NULL)
        return;
    *a->link = a->after;
    if (a->after != NULL)
        a->after->link = a->link;
    else
        alls.last = a->link;
    a->link = NULL;
}

static void
free_all(struct follow_all *a)
{
    busy_remove(a);
    lists_drop(a->list);
    joins_drop(&a->joins);
    cursor_free(&a->since);
    skips_free(&a->skips);
    free(a);
}

enum follow_all_skip
follow_all_skip(struct session *s, const char *name)
{
    struct follow_all *a = s->all;

    if (a == NULL || a->stage == STAGE_LIVE)
        return FOLLOW_ALL_NO;
    if (!skips_add(&a->skips, name))
        return FOLLOW_ALL_FULL;
    return a->stage <= STAGE_ASKING ? FOLLOW_ALL_SKIPS : FOLLOW_ALL_NO;
}

void
follow_all_end(struct session *s)
{
    struct follow_all *a = s->all;

    s->all = NULL;
    if (a == NULL)
        return;
    for (struct follow *f = s->follows, *after; f != NULL; f = after) {
        struct follow_request *request = follow_grouped(f, &a->group);

        after = f->after;
        if (request != NULL) {
            request->group = NULL;
            request->quiet = true;
        }
        if (f->reasons & REASON_ALL)
            follow_drop_reasons(f, REASON_ALL);
    }
    free_all(a);
}

/* Every topic can be answered; the answer is given in a later loop iteration. */
static void
on_complete(struct follow_group *group)
{
    struct follow_all *a =
        (struct follow_all *)((char *)group - offsetof(struct follow_all, group));

    if (a->stage != STAGE_WAITING)
        return;
    a->stage = STAGE_ANSWERING;
    busy_add(a);
}

void
follow_all_ending(struct follow *f)
{
    struct follow_all *a = f->session->all;

    if (a != NULL && a->next == f)
        a->next = f->after;
}

/* ------------------------------------------------------------ asking */

/* Requests one topic, unless it is to be skipped or is followed by name already. */
static void
ask_for(struct follow_all *a, const char *name)
{
    struct session *s = a->session;
    struct follow *f = follow_find(s, name);
    struct follow_request *request;

    if (skips_has(&a->skips, name))
        return;
    if (f == NULL) {
        f = follow_begin(s, hub_want(name, s->user), FOLLOW_WAITING, REASON_ALL);
    } else if (f->reasons & (REASON_NAMED | REASON_ALL)) {
        f->reasons |= REASON_ALL; /* it has its own cursor and answer */
        return;
    }
    request = follow_wait(f, REASON_ALL);
    request->group = &a->group;
    a->group.waiting++;
    if (a->reason != NULL) {
        request->reason = a->reason;
    } else if (a->since_given &&
               !(request->since_given = cursor_seq(&a->since, name, &request->since))) {
        /* The cursor is valid, but older than the user's right to this topic. */
        if (f->topic->kind == TOPIC_PROJECT)
            joins_add(&a->joins, f);
        else
            request->reason = "new";
    }
    answer_try(f);
}

static void
ask_some(struct follow_all *a, uint32_t *budget)
{
    char name[EVENT_TOPIC] = "project:";

    for (; *budget > 0 && a->at < a->list->count; --*budget) {
        text_hex(name + 8, a->list->ids[a->at++], ID_BYTES);
        ask_for(a, name);
    }
}

/* ------------------------------------------------------------ the stages */

static void
spend(uint32_t *budget, uint32_t cost)
{
    *budget = *budget > cost ? *budget - cost : 0;
}

/*
 * Does some of its work; false: it has none for now.  The common answer is one frame and built in
 * one go: with 5,001 topics that took 1.9 ms, so it uses up the budget of the iteration.
 */
static bool
work(struct follow_all *a, uint32_t *budget)
{
    switch (a->stage) {
    case STAGE_ASKING:
        if (a->at == 0)
            ask_for(a, a->session->own->topic->name);
        ask_some(a, budget);
        if (a->at < a->list->count)
            return true;
        joins_send(&a->joins);
        a->stage = STAGE_WAITING;
        follow_group_less(&a->group); /* until here none could complete it */
        return false;
    case STAGE_ANSWERING:
        follow_all_answer_send(a);
        spend(budget, a->session->follow_count / TOPICS_PER_COST + ANSWER_COST);
        a->next = a->session->follows;
        a->stage = STAGE_SETTLING;
        return true;
    case STAGE_SETTLING:
        follow_all_answer_settle(a, budget);
        if (a->next != NULL)
            return true;
        a->at = 0;
        a->stage = STAGE_LEAVING;
        return true;
    case STAGE_LEAVING:
        if (a->reason == NULL)
            follow_all_answer_leave(a, budget);
        if (a->reason == NULL && a->at < a->since.count)
            return true;
        a->stage = STAGE_LIVE;
        cursor_free(&a->since);
        skips_free(&a->skips);
        return false;
    default:
        return false;
    }
}

/* Does BUDGET worth of work, for one after another. */
static void
on_iteration(struct ev_loop *loop, ev_prepare *w, int events)
{
    uint32_t budget = BUDGET;
    struct follow_all *a;

    (void)w, (void)events;
    while (budget > 0 && (a = alls.first) != NULL) {
        bool more = a->session->code == 0 && work(a, &budget);
        bool again =
            a->link != NULL && a->stage == STAGE_ANSWERING; /* asked and answered at once */

        busy_remove(a);
        if (more || (again && a->session->code == 0))
            busy_add(a); /* behind the others */
    }
    if (alls.first == NULL)
        ev_idle_stop(loop, &alls.no_wait);
}

static void
on_no_wait(struct ev_loop *loop, ev_idle *w, int events)
{
    (void)loop, (void)w, (void)events;
}

/* The list of its user has been read: an `all` that asked before the reading began takes it. */
static void
listed(struct session *s, struct projects *p)
{
    struct follow_all *a = s->all;

    if (s->code != 0 || a == NULL || a->stage != STAGE_LISTING || a->number > p->upto)
        return;
    a->list = lists_share(p);
    a->group.waiting = 1;
    a->stage = STAGE_ASKING;
    a->at = 0;
    busy_add(a);
}

/* Does it wait for a list?  Then *number is its number. */
static bool
is_listing(const struct session *s, uint32_t *number)
{
    if (s->code != 0 || s->all == NULL || s->all->stage != STAGE_LISTING)
        return false;
    *number = s->all->number;
    return true;
}

/* The epoch is known by now: a session is READY only after its user's topic was loaded. */
static void
read_since(struct follow_all *a, const char *since, size_t len)
{
    a->since_given = true;
    switch (cursor_read(&a->since, since, len, hub_epoch())) {
    case CURSOR_OK:
        break;
    case CURSOR_MALFORMED:
        a->reason = "bad-cursor";
        break;
    case CURSOR_OTHER_EPOCH:
        a->reason = "epoch";
        break;
    }
}

void
follow_all_begin(struct session *s, const struct wire_in *in)
{
    struct follow_all *a = must_alloc(1, sizeof(*a));

    follow_all_end(s);
    a->session = s;
    a->group.complete = on_complete;
    a->number = ++alls.last_number;
    memcpy(a->ref, in->ref, sizeof(a->ref));
    if (in->since != NULL)
        read_since(a, in->since, in->since_len);
    joins_begin(&a->joins, s);
    s->all = a;
    lists_want(s->own->topic);
}

/* ------------------------------------------------------------ time */

void
follow_all_open(struct ev_loop *loop)
{
    static const struct lists_calls calls = {is_listing, listed};

    alls.loop = loop;
    ev_prepare_init(&alls.iteration, on_iteration);
    ev_set_priority(&alls.iteration, EV_MINPRI + 1); /* before closed sessions are freed */
    ev_prepare_start(loop, &alls.iteration);
    ev_idle_init(&alls.no_wait, on_no_wait);
    lists_open(loop, &calls);
}

void
follow_all_close(void)
{
    ev_prepare_stop(alls.loop, &alls.iteration);
    ev_idle_stop(alls.loop, &alls.no_wait);
    lists_close();
}
