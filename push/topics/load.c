/*
 * Reads are batched: while some are under way, further topics are collected for the next one, so a
 * thousand new topics cost a few reads.
 */
#include "push/topics/load.h"

#include <ev.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/must.h"
#include "common/base/vec.h"
#include "common/time/clock.h"
#include "push/metrics.h"
#include "push/sources/reads.h"
#include "push/topics/hub.h"
#include "push/topics/repair.h"

#define AT_ONCE  2   /* reads under way, of users and of projects each */
#define PROJECTS 128 /* projects in one read: a hello waits for at most one such read */
#define RETRY    0.5 /* seconds after the database did not answer */

enum queue { QUEUE_PEOPLE, QUEUE_PROJECTS };

static struct {
    struct ev_loop *loop;
    ev_timer retry;
    struct topic **people; /* topics of users, and `everyone`, that wait: hello needs them */
    uint32_t people_count, people_size;
    struct fair projects;  /* topics of projects that wait */
    uint32_t under_way[2]; /* reads, by enum queue */
} loads;

/* The topic becomes READY with what was read. */
static void
start(struct topic *t, struct load_item *read, int64_t asked_at)
{
    int64_t seen = t->stream.seen;

    stream_start(&t->stream, read->seq);
    t->flushed = read->seq;
    t->missing = t->kind == TOPIC_PROJECT && (!read->project || !read->found);
    if (t->kind == TOPIC_PROJECT) {
        rights_free(&t->rights);
        t->rights = read->rights;
        read->rights = (struct rights){0};
    }
    t->state = TOPIC_READY;
    t->loaded_at = asked_at;
    t->idle_at = 0;
    if (seen > t->stream.seen && !t->missing) {
        t->stream.seen = seen;
        repair_gap(t);
    }
    topic_calls->ready(t);
}

static void load_some(void);

/* A read has ended: its topics become READY or, if it failed, wait again. */
static void
loaded(struct job *job)
{
    struct load *load = (struct load *)job;

    loads.under_way[load->topics[0].name[0] == 'p' ? QUEUE_PROJECTS : QUEUE_PEOPLE]--;
    if (job->err == ERR_NONE)
        topic_calls->epoch(load->epoch);
    for (uint32_t i = 0; i < load->count; i++) {
        struct load_item *read = &load->topics[i];
        struct topic *t = hub_find(read->name, strlen(read->name));

        if (t != NULL && t->generation == read->generation && t->state == TOPIC_LOADING) {
            if (job->err == ERR_NONE)
                start(t, read, load->asked_at);
            else
                load_topic(t);
        }
        rights_free(&read->rights);
    }
    if (job->err != ERR_NONE)
        ev_timer_again(loads.loop, &loads.retry);
    free(load);
    load_some();
}

/* Takes the next topic that waits; NULL: none. */
static struct topic *
next_topic(enum queue queue)
{
    struct fair_item *item;
    int64_t again;

    if (queue == QUEUE_PEOPLE)
        return loads.people_count == 0 ? NULL : loads.people[--loads.people_count];
    item = fair_take(&loads.projects, 0, &again);
    return item == NULL ? NULL : (struct topic *)((char *)item - offsetof(struct topic, load));
}

/* Starts one read of as many topics as may go into it; false: none waits. */
static bool
load_batch(enum queue queue)
{
    struct topic *t = next_topic(queue);
    struct load *load;

    if (t == NULL)
        return false;
    load = must_alloc(1, sizeof(*load));
    for (; t != NULL; t = next_topic(queue)) {
        t->queued = false;
        strcpy(load->topics[load->count].name, t->name);
        load->topics[load->count++].generation = t->generation;
        if (load->count == (queue == QUEUE_PEOPLE ? READS_TOPICS : PROJECTS))
            break;
    }
    load->asked_at = clock_steady();
    load->job.done = loaded;
    loads.under_way[queue]++;
    metrics[METRIC_LOADS]++;
    reads_load(load);
    return true;
}

static void
load_some(void)
{
    for (enum queue queue = QUEUE_PEOPLE; queue <= QUEUE_PROJECTS; queue++)
        while (loads.under_way[queue] < AT_ONCE && !ev_is_active(&loads.retry) && load_batch(queue))
            continue;
}

static void
add_people(struct topic *t)
{
    loads.people =
        vec_room(loads.people, loads.people_count, &loads.people_size, sizeof(*loads.people));
    loads.people[loads.people_count++] = t;
}

void
load_topic(struct topic *t)
{
    if (t->queued)
        return;
    t->state = TOPIC_LOADING;
    t->queued = true;
    if (t->kind == TOPIC_PROJECT)
        fair_add(&loads.projects, t->asker, &t->load);
    else
        add_people(t);
    load_some();
}

void
load_asker(struct topic *t, const unsigned char user[ID_BYTES])
{
    if (t->kind != TOPIC_PROJECT || t->load.owner == NULL || memcmp(t->asker, user, ID_BYTES) == 0)
        return;
    fair_remove(&loads.projects, &t->load);
    memcpy(t->asker, user, ID_BYTES);
    fair_add(&loads.projects, user, &t->load);
}

static void
on_retry(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)events;
    ev_timer_stop(loop, timer);
    load_some();
}

void
load_open(struct ev_loop *loop)
{
    loads.loop = loop;
    ev_timer_init(&loads.retry, on_retry, 0., RETRY);
}

void
load_close(void)
{
    ev_timer_stop(loads.loop, &loads.retry);
    fair_free(&loads.projects);
    free(loads.people);
    loads.people = NULL;
    loads.people_count = loads.people_size = 0;
}
