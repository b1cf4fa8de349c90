/*
 * Three readings of numbers: of topics somebody asks about (batched like those in load.c), of all
 * topics, and of topics with events in the last seconds (the sweep).
 */
#include "push/topics/compare.h"

#include <ev.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"
#include "common/time/clock.h"
#include "push/metrics.h"
#include "push/sources/reads.h"
#include "push/topics/hub.h"
#include "push/topics/load.h"
#include "push/topics/repair.h"

#define SWEEP_MS    30000 /* how far the sweep looks back: longer than API_REQUEST_SECONDS can be */
#define ALL_SECONDS 30    /* between two comparisons of all topics */
#define RECONNECTED 0.2   /* seconds after Redis came back: the subscriptions are in force */

static struct {
    struct ev_loop *loop;
    ev_timer soon;
    struct numbers *next; /* topics collected for the next reading */
    uint32_t number;      /* of that reading */
    bool reading, sweeping, reading_all;
    int64_t read_all_at; /* steady us */
} compare;

/* The log has that number of the topic; true: it was not known here. */
static bool
note_number(const struct topic_number *number)
{
    struct topic *t = hub_find(number->name, strlen(number->name));

    if (t == NULL || t->state != TOPIC_READY || number->seq <= t->stream.head)
        return false;
    if (t->missing) { /* it has been created since */
        t->generation = hub_generation();
        load_topic(t);
    } else {
        repair_announced(t, number->seq);
    }
    return true;
}

static struct numbers *
new_numbers(void (*done)(struct job *))
{
    struct numbers *n = must_alloc(1, sizeof(*n));

    n->job.done = done;
    n->asked_at = clock_steady();
    return n;
}

/* ------------------------------------------------------------ topics that are asked about */

static void read_next(void);

static void
topics_read(struct job *job)
{
    struct numbers *n = (struct numbers *)job;

    compare.reading = false;
    if (job->err == ERR_NONE) {
        topic_calls->epoch(n->epoch);
        for (uint32_t i = 0; i < n->count; i++)
            note_number(&n->items[i]);
        for (uint32_t i = 0; i < n->asked; i++) {
            struct topic *t = hub_find(n->names[i].name, strlen(n->names[i].name));

            if (t != NULL && t->state == TOPIC_READY)
                topic_calls->checked(t, n->asked_at);
        }
    }
    reads_numbers_free(n);
    read_next();
}

/* Starts the next reading unless one is under way. */
static void
read_next(void)
{
    struct numbers *n = compare.next;

    if (n == NULL || compare.reading)
        return;
    compare.next = NULL;
    compare.number++;
    compare.reading = true;
    n->asked_at = clock_steady();
    reads_numbers(n);
}

void
compare_topic(struct topic *t)
{
    if (compare.next == NULL)
        compare.next = new_numbers(topics_read);
    if (t->verify == compare.number)
        return;
    t->verify = compare.number;
    reads_numbers_add(compare.next, t->name, 0);
    read_next();
}

/* ------------------------------------------------------------ all topics, and the sweep */

static void
all_read(struct job *job)
{
    struct numbers *n = (struct numbers *)job;

    compare.reading_all = false;
    if (job->err == ERR_NONE) {
        topic_calls->epoch(n->epoch);
        for (uint32_t i = 0; i < n->count; i++)
            metrics[METRIC_SWEEP_FINDS] += note_number(&n->items[i]);
    }
    reads_numbers_free(n);
}

/* Compares all topics that are READY, unless that is under way. */
static void
compare_all(void)
{
    struct numbers *n;
    uint32_t bucket = 0;

    if (compare.reading_all)
        return;
    n = new_numbers(all_read);
    for (struct topic *t = NULL; (t = hub_next(&bucket, t)) != NULL;)
        if (t->state == TOPIC_READY)
            reads_numbers_add(n, t->name, 0);
    compare.reading_all = true;
    compare.read_all_at = n->asked_at;
    reads_numbers(n);
}

static void
on_soon(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)events;
    ev_timer_stop(loop, timer);
    compare_all();
}

void
compare_all_soon(void)
{
    ev_timer_again(compare.loop, &compare.soon);
}

static void
swept(struct job *job)
{
    struct numbers *n = (struct numbers *)job;

    compare.sweeping = false;
    if (job->err == ERR_NONE)
        for (uint32_t i = 0; i < n->count; i++)
            metrics[METRIC_SWEEP_FINDS] += note_number(&n->items[i]);
    reads_numbers_free(n);
}

void
compare_tick(void)
{
    struct numbers *n;

    if (clock_steady() - compare.read_all_at > ALL_SECONDS * 1000000LL)
        compare_all();
    if (compare.sweeping)
        return;
    n = new_numbers(swept);
    n->since = clock_now() - SWEEP_MS;
    compare.sweeping = true;
    reads_numbers(n);
}

void
compare_open(struct ev_loop *loop)
{
    compare.loop = loop;
    compare.read_all_at = clock_steady();
    compare.number = 1; /* 0 is a topic that was never compared */
    ev_timer_init(&compare.soon, on_soon, 0., RECONNECTED);
}

void
compare_close(void)
{
    ev_timer_stop(compare.loop, &compare.soon);
    if (compare.next != NULL)
        reads_numbers_free(compare.next);
    compare.next = NULL;
}
