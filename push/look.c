/*
 * Reads are taken together: while one is under way, what else is asked for
 * gathers for the next, so a thousand new topics cost a few reads.
 */
#include "push/look.h"

#include <ev.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "push/all.h"
#include "push/answer.h"
#include "push/follow.h"
#include "push/hub.h"
#include "push/metrics.h"
#include "push/reads.h"
#include "push/repair.h"
#include "push/topics.h"
#include "push/who.h"

#define LOADS        2     /* reads of topics under way */
#define RETRY        0.5   /* seconds after the database did not answer */
#define SWEEP_MS     10000 /* how far back the sweep looks: clocks and slow commits */
#define LOOK_SECONDS 30    /* between two comparisons of all numbers */
#define RECONNECTED  0.2   /* seconds after Redis came back: the subscriptions are in force */

static struct {
    struct ev_loop *loop;
    ev_timer retry, soon;
    struct topic **loading;
    uint32_t load_count, load_size, loads;
    struct heads *verify; /* names that gather for the next question */
    bool verifying, sweeping, looking;
    int64_t looked_at;
} look;

/* ------------------------------------------------------------ new topics */

static void
start(struct topic *t, struct load_topic *read, int64_t asked_at)
{
    int64_t heard = t->stream.seen;

    stream_start(&t->stream, read->seq);
    t->flushed = read->seq;
    t->missing = t->kind == TOPIC_PROJECT && (!read->project || !read->found);
    rights_free(&t->rights);
    t->rights = read->rights;
    read->rights = (struct rights){0};
    t->state = TOPIC_READY;
    t->loaded_at = asked_at;
    if (heard > t->stream.seen && !t->missing) {
        t->stream.seen = heard;
        repair_gap(t);
    }
    if (t->kind == TOPIC_USER)
        who_topic_ready(t);
    else if (t->kind == TOPIC_EVERYONE)
        all_ready();
    follow_news(t);
}

static void load_some(void);

static void
loaded(struct job *job)
{
    struct load *load = (struct load *)job;

    look.loads--;
    if (job->err == ERR_NONE)
        topics_set_epoch(load->epoch);
    for (uint32_t i = 0; i < load->count; i++) {
        struct load_topic *read = &load->topics[i];
        struct topic *t = hub_find(read->name, strlen(read->name));

        if (t != NULL && t->turn == read->turn && t->state == TOPIC_LOADING) {
            if (job->err == ERR_NONE)
                start(t, read, load->asked_at);
            else
                repair_load(t);
        }
        rights_free(&read->rights);
    }
    if (job->err != ERR_NONE)
        ev_timer_again(look.loop, &look.retry);
    free(load);
    load_some();
}

static void
load_some(void)
{
    while (look.load_count > 0 && look.loads < LOADS && !ev_is_active(&look.retry)) {
        struct load *load = calloc(1, sizeof(*load));

        if (load == NULL)
            abort();
        while (look.load_count > 0 && load->count < READS_TOPICS) {
            struct topic *t = look.loading[--look.load_count];

            t->queued = false;
            strcpy(load->topics[load->count].name, t->name);
            load->topics[load->count++].turn = t->turn;
        }
        load->asked_at = clock_steady();
        load->job.done = loaded;
        look.loads++;
        metrics[METRIC_LOADS]++;
        reads_load(load);
    }
}

void
repair_load(struct topic *t)
{
    if (t->queued)
        return;
    if (look.load_count == look.load_size) {
        look.load_size = look.load_size == 0 ? 64 : look.load_size * 2;
        look.loading = realloc(look.loading, look.load_size * sizeof(*look.loading));
        if (look.loading == NULL)
            abort();
    }
    t->state = TOPIC_LOADING;
    t->queued = true;
    look.loading[look.load_count++] = t;
    load_some();
}

static void
on_retry(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)events;
    ev_timer_stop(loop, timer);
    load_some();
}

/* ------------------------------------------------------------ numbers */

/* The log is at that number, at least. */
static bool
heard(const struct head *head)
{
    struct topic *t = hub_find(head->name, strlen(head->name));

    if (t == NULL || t->state != TOPIC_READY || head->seq <= t->stream.head)
        return false;
    if (t->missing) { /* it has been made since */
        t->turn = hub_turn();
        repair_load(t);
    } else {
        repair_heard(t, head->seq);
    }
    return true;
}

/* Asks that came before the question was put are answered by it. */
static void
verified(struct topic *t, int64_t asked_at)
{
    for (uint32_t i = 0; i < t->places[PLACE_WAITING].count; i++)
        if (t->places[PLACE_WAITING].at[i]->ask->at <= asked_at)
            t->places[PLACE_WAITING].at[i]->ask->checked = true;
    follow_news(t);
}

static void verify(void);

static void
verify_read(struct job *job)
{
    struct heads *h = (struct heads *)job;

    look.verifying = false;
    if (job->err == ERR_NONE) {
        topics_set_epoch(h->epoch);
        for (uint32_t i = 0; i < h->count; i++)
            heard(&h->items[i]);
        for (uint32_t i = 0; i < h->asked; i++) {
            struct topic *t = hub_find(h->names[i].name, strlen(h->names[i].name));

            if (t != NULL && t->state == TOPIC_READY)
                verified(t, h->asked_at);
        }
    }
    reads_heads_free(h);
    verify();
}

static struct heads *
new_heads(void (*done)(struct job *))
{
    struct heads *h = calloc(1, sizeof(*h));

    if (h == NULL)
        abort();
    h->job.done = done;
    h->asked_at = clock_steady();
    return h;
}

static void
verify(void)
{
    struct heads *h = look.verify;

    if (h == NULL || look.verifying)
        return;
    look.verify = NULL;
    look.verifying = true;
    h->asked_at = clock_steady();
    reads_heads(h);
}

void
repair_verify(struct topic *t)
{
    if (look.verify == NULL)
        look.verify = new_heads(verify_read);
    for (uint32_t i = 0; i < look.verify->count; i++)
        if (strcmp(look.verify->items[i].name, t->name) == 0)
            return;
    reads_heads_add(look.verify, t->name, 0);
    verify();
}

static void
look_read(struct job *job)
{
    struct heads *h = (struct heads *)job;

    look.looking = false;
    if (job->err == ERR_NONE) {
        topics_set_epoch(h->epoch);
        for (uint32_t i = 0; i < h->count; i++)
            metrics[METRIC_SWEEP_FINDS] += heard(&h->items[i]);
    }
    reads_heads_free(h);
}

static void
look_at_all(void)
{
    struct heads *h;
    uint32_t bucket = 0;

    if (look.looking)
        return;
    h = new_heads(look_read);
    for (struct topic *t = NULL; (t = hub_next(&bucket, t)) != NULL;)
        if (t->state == TOPIC_READY)
            reads_heads_add(h, t->name, 0);
    look.looking = true;
    look.looked_at = h->asked_at;
    reads_heads(h);
}

static void
on_soon(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)events;
    ev_timer_stop(loop, timer);
    look_at_all();
}

void
repair_look_soon(void)
{
    ev_timer_again(look.loop, &look.soon);
}

static void
swept(struct job *job)
{
    struct heads *h = (struct heads *)job;

    look.sweeping = false;
    if (job->err == ERR_NONE)
        for (uint32_t i = 0; i < h->count; i++)
            metrics[METRIC_SWEEP_FINDS] += heard(&h->items[i]);
    reads_heads_free(h);
}

void
repair_tick(void)
{
    struct heads *h;

    if (clock_steady() - look.looked_at > LOOK_SECONDS * 1000000LL)
        look_at_all();
    if (look.sweeping)
        return;
    h = new_heads(swept);
    h->since = clock_now() - SWEEP_MS;
    look.sweeping = true;
    reads_heads(h);
}

void
look_open(struct ev_loop *loop)
{
    look.loop = loop;
    look.looked_at = clock_steady();
    ev_timer_init(&look.retry, on_retry, 0., RETRY);
    ev_timer_init(&look.soon, on_soon, 0., RECONNECTED);
}

void
look_close(void)
{
    ev_timer_stop(look.loop, &look.retry);
    ev_timer_stop(look.loop, &look.soon);
    free(look.loading);
    look.loading = NULL;
    look.load_count = look.load_size = 0;
    if (look.verify != NULL)
        reads_heads_free(look.verify);
    look.verify = NULL;
}
