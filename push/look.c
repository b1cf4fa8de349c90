/*
 * Reads are taken together: while one is under way, what else is asked for
 * gathers for the next, so a thousand new topics cost a few reads.
 */
#include "push/look.h"

#include <ev.h>
#include <stddef.h>
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

#define LOADS        2     /* reads of topics under way, of users and of projects each */
#define LOAD_MOST    128   /* projects of one read: hello waits for one at most */
#define RETRY        0.5   /* seconds after the database did not answer */
#define SWEEP_MS     30000 /* how far back the sweep looks: longer than API_REQUEST_SECONDS can be */
#define LOOK_SECONDS 30    /* between two comparisons of all numbers */
#define RECONNECTED  0.2   /* seconds after Redis came back: the subscriptions are in force */

enum { LOAD_PEOPLE, LOAD_PROJECTS };

static struct {
    struct ev_loop *loop;
    ev_timer retry, soon;
    struct topic **people; /* topics of users, and everyone, that wait: hello needs them */
    uint32_t people_count, people_size;
    struct fair projects;   /* topics of projects that wait */
    uint32_t loads[2];      /* under way, by LOAD_PEOPLE and LOAD_PROJECTS */
    struct heads *verify;   /* names that gather for the next question */
    uint32_t verify_number; /* of that question */
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
    t->idle_at = 0;
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

    look.loads[load->topics[0].name[0] == 'p' ? LOAD_PROJECTS : LOAD_PEOPLE]--;
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

/* The next topic that waits. */
static struct topic *
next_to_load(int which)
{
    struct fair_item *item;
    int64_t again;

    if (which == LOAD_PEOPLE)
        return look.people_count == 0 ? NULL : look.people[--look.people_count];
    item = fair_take(&look.projects, 0, &again);
    return item == NULL ? NULL : (struct topic *)((char *)item - offsetof(struct topic, load));
}

static bool
load_one(int which)
{
    struct topic *t = next_to_load(which);
    struct load *load;

    if (t == NULL)
        return false;
    load = calloc(1, sizeof(*load));
    if (load == NULL)
        abort();
    for (; t != NULL; t = next_to_load(which)) {
        t->queued = false;
        strcpy(load->topics[load->count].name, t->name);
        load->topics[load->count++].turn = t->turn;
        if (load->count == (which == LOAD_PEOPLE ? READS_TOPICS : LOAD_MOST))
            break;
    }
    load->asked_at = clock_steady();
    load->job.done = loaded;
    look.loads[which]++;
    metrics[METRIC_LOADS]++;
    reads_load(load);
    return true;
}

static void
load_some(void)
{
    for (int which = LOAD_PEOPLE; which <= LOAD_PROJECTS; which++)
        while (look.loads[which] < LOADS && !ev_is_active(&look.retry) && load_one(which))
            continue;
}

void
repair_load(struct topic *t)
{
    if (t->queued)
        return;
    t->state = TOPIC_LOADING;
    t->queued = true;
    if (t->kind == TOPIC_PROJECT) {
        fair_add(&look.projects, t->asker, &t->load);
    } else {
        if (look.people_count == look.people_size) {
            look.people_size = look.people_size == 0 ? 64 : look.people_size * 2;
            look.people = realloc(look.people, look.people_size * sizeof(*look.people));
            if (look.people == NULL)
                abort();
        }
        look.people[look.people_count++] = t;
    }
    load_some();
}

void
repair_load_for(struct topic *t, const unsigned char user[12])
{
    if (t->load.lane == NULL || memcmp(t->asker, user, 12) == 0)
        return;
    fair_remove(&look.projects, &t->load);
    memcpy(t->asker, user, 12);
    fair_add(&look.projects, user, &t->load);
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
    look.verify_number++;
    look.verifying = true;
    h->asked_at = clock_steady();
    reads_heads(h);
}

void
repair_verify(struct topic *t)
{
    if (look.verify == NULL)
        look.verify = new_heads(verify_read);
    if (t->verify == look.verify_number)
        return;
    t->verify = look.verify_number;
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
    look.verify_number = 1; /* no topic was asked about yet */
    ev_timer_init(&look.retry, on_retry, 0., RETRY);
    ev_timer_init(&look.soon, on_soon, 0., RECONNECTED);
}

void
look_close(void)
{
    ev_timer_stop(look.loop, &look.retry);
    ev_timer_stop(look.loop, &look.soon);
    fair_free(&look.projects);
    free(look.people);
    look.people = NULL;
    look.people_count = look.people_size = 0;
    if (look.verify != NULL)
        reads_heads_free(look.verify);
    look.verify = NULL;
}
