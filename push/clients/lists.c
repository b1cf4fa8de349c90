/*
 * Users that wait are remembered by name, because their topic may be forgotten meanwhile.
 */
#include "push/clients/lists.h"

#include <ev.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/must.h"
#include "common/base/vec.h"
#include "common/text/text.h"
#include "common/time/clock.h"
#include "push/metrics.h"
#include "push/sources/reader.h"
#include "push/sources/reads_people.h"
#include "push/topics/hub.h"

#define RETRY 0.02 /* seconds between two attempts for users that wait */

static struct {
    struct ev_loop *loop;
    ev_timer retry;
    const struct lists_calls *calls;
    char (*names)[EVENT_TOPIC]; /* users that wait */
    uint32_t count, size;
} lists;

struct projects *
lists_share(struct projects *p)
{
    p->refs++;
    return p;
}

void
lists_drop(struct projects *p)
{
    if (p == NULL || --p->refs > 0)
        return;
    lists_drop(p->earlier);
    free(p->ids);
    free(p);
}

void
lists_forget(struct topic *t)
{
    if (t->kind != TOPIC_USER)
        return;
    lists_drop(t->user.list);
    t->user.list = NULL;
}

/* The highest number among the sessions that wait; 0: none waits. */
static uint32_t
newest_waiting(const struct topic *t)
{
    uint32_t newest = 0, number;

    for (int state = 0; state < FOLLOW_STATE__COUNT; state++)
        for (uint32_t i = 0; i < t->follows[state].count; i++)
            if (lists.calls->waits(t->follows[state].at[i]->session, &number) && number > newest)
                newest = number;
    return newest;
}

/* The list that a reading resulted in; the user's topic keeps it. */
static struct projects *
answer_of(struct topic *t, struct projects *p)
{
    if (p->same) {
        p->earlier->upto = p->upto;
        return p->earlier;
    }
    metrics[METRIC_LISTS]++;
    lists_forget(t);
    lists_drop(p->earlier);
    p->earlier = NULL;
    t->user.list = lists_share(p);
    return p;
}

static void
hand_out(struct topic *t, struct projects *list)
{
    for (int state = 0; state < FOLLOW_STATE__COUNT; state++)
        for (uint32_t i = t->follows[state].count; i-- > 0;)
            lists.calls->listed(t->follows[state].at[i]->session, list);
}

/* A reading has ended: hands out the list, unless the topic has started again meanwhile. */
static void
read_done(struct job *job)
{
    struct projects *p = (struct projects *)job;
    char name[EVENT_TOPIC] = "user:";
    struct topic *t;

    text_hex(name + 5, p->user, ID_BYTES);
    t = hub_find(name, strlen(name));
    if (t != NULL && t->user.listing == p) {
        t->user.listing = NULL;
        if (job->err == ERR_NONE && t->generation == p->generation)
            hand_out(t, answer_of(t, p));
        if (newest_waiting(t) > 0)
            lists_want(t);
    }
    lists_drop(p);
}

/* Starts a reading for all sessions that wait, up to that number. */
static void
start(struct topic *t, uint32_t upto)
{
    struct projects *p = must_alloc(1, sizeof(*p));

    p->refs = 1;
    p->upto = upto;
    p->generation = t->generation;
    p->earlier = t->user.list == NULL ? NULL : lists_share(t->user.list);
    p->most = LISTS_PROJECTS;
    p->most_open = LISTS_OPEN;
    memcpy(p->user, t->id, ID_BYTES);
    p->job.done = read_done;
    t->user.listing = p;
    t->user.listed_at = clock_steady();
    reads_people_projects(p);
}

/* Starts a reading if it may; true: no further attempt is needed. */
static bool
begin(struct topic *t)
{
    const struct topic *everyone = hub_find("everyone", 8);
    uint32_t newest;

    if (t->user.listing != NULL)
        return true; /* when it is done, lists_want() is called again */
    if (everyone == NULL || everyone->state != TOPIC_READY || t->state != TOPIC_READY ||
        (t->user.listed_at != 0 && clock_steady() - t->user.listed_at < LISTS_EVERY_US))
        return false;
    if ((newest = newest_waiting(t)) > 0)
        start(t, newest);
    return true;
}

void
lists_want(struct topic *t)
{
    if (t->user.wants_list || begin(t))
        return;
    lists.names = vec_room(lists.names, lists.count, &lists.size, sizeof(*lists.names));
    t->user.wants_list = true;
    strcpy(lists.names[lists.count++], t->name);
    if (!ev_is_active(&lists.retry))
        ev_timer_again(lists.loop, &lists.retry);
}

void
lists_again(void)
{
    uint32_t left = 0, count = lists.count;

    for (uint32_t i = 0; i < count; i++) {
        struct topic *t = hub_find(lists.names[i], strlen(lists.names[i]));

        if (t == NULL)
            continue;
        if (begin(t))
            t->user.wants_list = false;
        else
            memmove(lists.names[left++], lists.names[i], EVENT_TOPIC);
    }
    lists.count = left;
}

static void
on_retry(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)events;
    lists_again();
    if (lists.count == 0)
        ev_timer_stop(loop, timer);
}

void
lists_open(struct ev_loop *loop, const struct lists_calls *calls)
{
    lists.loop = loop;
    lists.calls = calls;
    ev_timer_init(&lists.retry, on_retry, 0., RETRY);
}

void
lists_close(void)
{
    uint32_t bucket = 0;

    for (struct topic *t = NULL; (t = hub_next(&bucket, t)) != NULL;)
        lists_forget(t);
    ev_timer_stop(lists.loop, &lists.retry);
    free(lists.names);
    lists.names = NULL;
    lists.count = lists.size = 0;
}
