/*
 * Users that wait are kept by name, as their topic may be forgotten meanwhile.
 */
#include "push/lists.h"

#include <ev.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "push/all.h"
#include "push/hub.h"
#include "push/metrics.h"
#include "push/reader.h"
#include "push/reads.h"

#define LOOK 0.02 /* seconds between two looks at who may be read again */

static struct {
    struct ev_loop *loop;
    ev_timer look;
    bool (*waits)(const struct session *s, uint32_t *number);
    void (*listed)(struct session *s, struct projects *list);
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
    lists_drop(t->user.list);
    t->user.list = NULL;
}

/* The number of the newest that waits; 0: none does. */
static uint32_t
newest_waiting(const struct topic *t)
{
    uint32_t newest = 0, number;

    for (int place = 0; place < PLACE__COUNT; place++)
        for (uint32_t i = 0; i < t->places[place].count; i++)
            if (lists.waits(t->places[place].at[i]->session, &number) && number > newest)
                newest = number;
    return newest;
}

/* The list that a reading ended with, which its user's topic keeps. */
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
    for (int place = 0; place < PLACE__COUNT; place++)
        for (uint32_t i = t->places[place].count; i-- > 0;)
            lists.listed(t->places[place].at[i]->session, list);
}

static void
read_done(struct job *job)
{
    struct projects *p = (struct projects *)job;
    char name[EVENT_TOPIC] = "user:";
    struct topic *t;

    text_hex(name + 5, p->user, 12);
    t = hub_find(name, strlen(name));
    if (t != NULL && t->user.listing == p) {
        t->user.listing = NULL;
        if (job->err == ERR_NONE && t->turn == p->turn)
            hand_out(t, answer_of(t, p));
        if (newest_waiting(t) > 0)
            lists_want(t);
    }
    lists_drop(p);
}

static void
start(struct topic *t, uint32_t upto)
{
    struct projects *p = calloc(1, sizeof(*p));

    if (p == NULL)
        abort();
    p->refs = 1;
    p->upto = upto;
    p->turn = t->turn;
    p->earlier = t->user.list == NULL ? NULL : lists_share(t->user.list);
    p->most = ALL_PROJECTS;
    p->most_open = ALL_OPEN;
    memcpy(p->user, t->id, 12);
    p->job.done = read_done;
    t->user.listing = p;
    t->user.listed_at = clock_steady();
    reads_projects(p);
}

/* Begins a reading if one may; true: nobody waits for another. */
static bool
begin(struct topic *t)
{
    const struct topic *everyone = hub_find("everyone", 8);
    uint32_t newest;

    if (t->user.listing != NULL)
        return true; /* when it is done we look again */
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
    if (lists.count == lists.size) {
        lists.size = lists.size == 0 ? 16 : lists.size * 2;
        lists.names = realloc(lists.names, lists.size * sizeof(*lists.names));
        if (lists.names == NULL)
            abort();
    }
    t->user.wants_list = true;
    strcpy(lists.names[lists.count++], t->name);
    if (!ev_is_active(&lists.look))
        ev_timer_again(lists.loop, &lists.look);
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
on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)events;
    lists_again();
    if (lists.count == 0)
        ev_timer_stop(loop, timer);
}

void
lists_open(struct ev_loop *loop, bool (*waits)(const struct session *s, uint32_t *number),
           void (*listed)(struct session *s, struct projects *list))
{
    lists.loop = loop;
    lists.waits = waits;
    lists.listed = listed;
    ev_timer_init(&lists.look, on_look, 0., LOOK);
}

void
lists_close(void)
{
    uint32_t bucket = 0;

    for (struct topic *t = NULL; (t = hub_next(&bucket, t)) != NULL;)
        lists_forget(t);
    ev_timer_stop(lists.loop, &lists.look);
    free(lists.names);
    lists.names = NULL;
    lists.count = lists.size = 0;
}
