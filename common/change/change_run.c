/*
 * Who runs a plan.  A process has a few places for batches.  A writer that holds its topic's lock
 * and finds a place free runs at once; else it waits, and who gets the next place takes along all
 * that wait with their topics' locks, and those who wait for the locks (topic_lock.h).  So batches
 * grow with the load and shrink with it, and nobody waits for more than the batch under way and its
 * own.
 *
 * What meets a conflict with another host leaves the batch: each topic's changes are tried again
 * by themselves, without a place, so that they hold up nobody else.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "common/change/batch.h"
#include "common/change/change_inside.h"
#include "common/log.h"
#include "common/redis/bus.h"
#include "common/time/clock.h"
#include "common/topics/ticket.h"

#define PLACES    1     /* batches of a process under way at once */
#define CHANGE_MS 10000 /* a change may take, where the store has no deadline */
#define TICKET_MS 1000  /* it waits for a ticket, at most */
#define JOIN_MS   500   /* less than this left: it joins no batch, whose deadline it would be */
#define DOUBT     3     /* transient conflicts before nothing remembered counts: see below */

/* One who holds its topics' locks, and those who wait for its topic and ride along. */
struct holder {
    struct holder *next;
    struct topic_lock lock;
    struct ticket ticket;
    struct change *changes[BATCH_MAX]; /* the holder's own first */
    int count;
    pthread_cond_t called;
    enum { WAITS, TAKEN, LEADS, SERVED, LEFT_ALONE } state;
};

/* What one transaction takes along: of the leader, and of others who wait for a place. */
struct crew {
    struct holder *holders[BATCH_MAX];
    int holder_count;
    struct change *changes[BATCH_MAX];
    int count;
};

static struct {
    pthread_mutex_t lock;
    int taken;
    struct holder *first, **last; /* who wait for a place */
} places = {.lock = PTHREAD_MUTEX_INITIALIZER, .last = &places.first};

/* 1, 2, 4 ... 64 ms, each drawn between half and whole. */
static void
back_off(int tries)
{
    unsigned char dice;
    long us = 1000L << (tries < 6 ? tries : 6);

    text_random(&dice, 1);
    us = us / 2 + us / 2 * dice / 255;
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

static void
forget_hints(const struct batch *b)
{
    for (int i = 0; i < b->count; i++)
        for (int k = 0; k < b->changes[i]->plan->topic_count; k++)
            topic_hints_forget(b->changes[i]->plan->topics[k]);
}

/*
 * As often as it takes within the deadline; several changes no more than a few times.  With a
 * ticket where other hosts write too.
 */
static enum err
try(struct batch *b, struct holder *h)
{
    struct tickets *tickets = bus_tickets(b->changes[0]->bus);
    enum err err;

    for (int tries = 1; (err = batch_run(b)) == ERR_RETRY; tries++) {
        ticket_conflict(&h->lock);
        if (b->count > 1 && tries >= DOUBT)
            break;
        back_off(tries - 1);
        if (store_left(b->store, CHANGE_MS) == 0) {
            const struct change_plan *plan = b->changes[0]->plan;

            log_warn("event log: %s: gave up after %d conflicts",
                     plan->topic_count > 0 ? plan->topics[0] : "no topic", tries);
            return ERR_BUSY;
        }
        /* What was remembered may be wrong: somebody may have changed the database by hand. */
        if (tries >= DOUBT)
            forget_hints(b);
        if (!ticket_holds(&h->ticket))
            ticket_take(tickets, &h->lock, (int)store_left(b->store, TICKET_MS), &h->ticket);
    }
    return err;
}

/* All changes of a batch end in time for the one that has least. */
static void
set_deadline(struct batch *b)
{
    int64_t until = INT64_MAX;

    for (int i = 0; i < b->count; i++) {
        int64_t own = b->changes[i]->deadline;

        until = own < until ? own : until;
    }
    store_deadline(b->store, until);
}

/*
 * May the changes of a batch that failed be tried again by themselves?  Not if it may have been
 * committed, and not while the database cannot be reached.
 */
static bool
may_part(const struct batch *b, enum err err)
{
    if (b->unknown || (err == ERR_STORE && !store_refused(b->store)))
        return false;
    return b->count > 1 || err == ERR_RETRY;
}

static void
fail_all(const struct batch *b, enum err err)
{
    for (int i = 0; i < b->count; i++) {
        b->changes[i]->err = err;
        b->changes[i]->run = true;
    }
}

/* Nothing took effect: each is to be tried again. */
static void
reset(const struct batch *b)
{
    for (int i = 0; i < b->count; i++)
        b->changes[i]->run = false;
}

/* Puts the changes that have their result before those that must run again; their number. */
static int
sort_done(struct holder *h)
{
    struct change *rest[BATCH_MAX];
    int done = 0, left = 0;

    for (int i = 0; i < h->count; i++) {
        if (h->changes[i]->run)
            h->changes[done++] = h->changes[i];
        else
            rest[left++] = h->changes[i];
    }
    memcpy(h->changes + done, rest, (size_t)left * sizeof(rest[0]));
    return done;
}

/* Runs the changes of one holder until each has its result. */
static void
run_to_end(struct store *store, struct holder *h)
{
    bool one_by_one = false;

    for (int done = 0; done < h->count;) {
        struct batch b = {.store = store,
                          .changes = h->changes + done,
                          .count = one_by_one || h->changes[done]->apart ? 1 : h->count - done};
        enum err err;

        set_deadline(&b);
        err = try(&b, h);
        if (err == ERR_NONE)
            batch_publish(&b, b.changes[0]->bus);
        if (err != ERR_NONE)
            reset(&b);
        if (err != ERR_NONE && b.count > 1 && may_part(&b, err))
            one_by_one = true;
        else if (err != ERR_NONE)
            fail_all(&b, err);
        done = sort_done(h);
        batch_free(&b);
    }
}

/* Does it have time enough, and a key of its own? */
static bool
joins(const struct crew *crew, const struct change *c)
{
    const char *key = c->plan->idempotency;

    if (crew->count == BATCH_MAX || c->deadline - clock_steady() < JOIN_MS * 1000)
        return false;
    for (int i = 0; i < crew->count && key != NULL; i++) {
        const char *other = crew->changes[i]->plan->idempotency;

        if (other != NULL && strcmp(other, key) == 0)
            return false; /* it must find the other's record */
    }
    return true;
}

struct taking {
    struct crew *crew;
    struct holder *holder;
};

static bool
take_rider(void *arg, void *rider)
{
    struct taking *t = arg;
    struct change *c = rider;

    if (!joins(t->crew, c))
        return false;
    c->line = t->holder->lock.line[0];
    t->crew->changes[t->crew->count++] = c;
    t->holder->changes[t->holder->count++] = c;
    return true;
}

static void
take_riders(struct crew *crew, struct holder *h)
{
    struct taking t = {crew, h};
    void *riders[BATCH_MAX];

    (void)topic_lock_riders(&h->lock, riders, BATCH_MAX - crew->count, take_rider, &t);
}

static void
take_holder(struct crew *crew, struct holder *h)
{
    crew->holders[crew->holder_count++] = h;
    crew->changes[crew->count++] = h->changes[0];
}

/* Those who wait for a place, in the order of their coming, as long as they fit. */
static void
take_waiting(struct crew *crew)
{
    struct holder *h;

    pthread_mutex_lock(&places.lock);
    while ((h = places.first) != NULL && joins(crew, h->changes[0])) {
        if ((places.first = h->next) == NULL)
            places.last = &places.first;
        h->state = TAKEN;
        take_holder(crew, h);
    }
    pthread_mutex_unlock(&places.lock);
}

static void
leave_queue(struct holder *h)
{
    struct holder **at = &places.first;

    while (*at != h)
        at = &(*at)->next;
    if ((*at = h->next) == NULL)
        places.last = at;
}

/* Until it is called.  One that is part of a batch stays, however late it gets. */
static void
await_call(struct holder *h)
{
    long ms = store_left(h->changes[0]->store, CHANGE_MS);
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000 + 1;
    while ((h->state == WAITS && rc == 0) || h->state == TAKEN) {
        if (h->state == TAKEN)
            pthread_cond_wait(&h->called, &places.lock);
        else
            rc = pthread_cond_clockwait(&h->called, &places.lock, CLOCK_MONOTONIC, &until);
    }
    if (h->state == WAITS)
        leave_queue(h);
}

/* False: there was no place in time. */
static bool
enter_place(struct holder *h)
{
    pthread_mutex_lock(&places.lock);
    if (places.taken < PLACES) {
        places.taken++;
        h->state = LEADS;
    } else {
        *places.last = h;
        places.last = &h->next;
        await_call(h);
    }
    pthread_mutex_unlock(&places.lock);
    return h->state != WAITS;
}

static void
call(struct holder *h, int state)
{
    h->state = state;
    pthread_cond_signal(&h->called);
}

/* The place goes to who waits longest. */
static void
leave_place(void)
{
    struct holder *h;

    pthread_mutex_lock(&places.lock);
    if ((h = places.first) == NULL) {
        places.taken--;
    } else {
        if ((places.first = h->next) == NULL)
            places.last = &places.first;
        call(h, LEADS);
    }
    pthread_mutex_unlock(&places.lock);
}

/* Wakes those whose changes are done; the others stay with their holder. */
static void
serve_riders(struct holder *h)
{
    int rest = 0;

    for (int i = 0; i < h->count; i++) {
        struct change *c = h->changes[i];

        if (!c->run)
            h->changes[rest++] = c;
        else if (c->line >= 0)
            topic_lock_served(c->line, c);
    }
    h->count = rest;
}

/* The holder's own lines are given first, so that the next writer can begin. */
static void
finish(struct store *store, struct holder *h)
{
    run_to_end(store, h);
    ticket_give(bus_tickets(h->changes[0]->bus), &h->ticket);
    topic_lock_give(&h->lock);
    serve_riders(h);
}

/* One transaction for all that wait; what it could not do is left to the holders. */
static void
lead(struct store *store, struct holder *me)
{
    struct crew crew = {0};
    struct batch b = {.store = store, .changes = crew.changes};
    enum err err;

    take_holder(&crew, me);
    take_waiting(&crew);
    for (int i = 0; i < crew.holder_count; i++)
        take_riders(&crew, crew.holders[i]);
    b.count = crew.count;
    set_deadline(&b);
    err = batch_run(&b);
    leave_place();
    if (err == ERR_NONE)
        batch_publish(&b, me->changes[0]->bus);
    else
        reset(&b);
    if (err != ERR_NONE && !may_part(&b, err))
        fail_all(&b, err);
    batch_free(&b);
    for (int i = 1; i < crew.holder_count; i++) {
        struct holder *h = crew.holders[i];

        serve_riders(h);
        pthread_mutex_lock(&places.lock);
        call(h, h->count == 0 ? SERVED : LEFT_ALONE);
        pthread_mutex_unlock(&places.lock);
    }
    serve_riders(me);
}

/* With the topic's lock: at once if there is a place, else with the next batch. */
static enum err
run_or_join(struct change *c, struct holder *h)
{
    struct crew crew = {0};

    if (ticket_contended(&h->lock)) { /* another host writes it: by itself, with a ticket */
        ticket_take(bus_tickets(c->bus), &h->lock, (int)store_left(c->store, TICKET_MS),
                    &h->ticket);
        take_holder(&crew, h);
        take_riders(&crew, h);
    } else if (!enter_place(h)) {
        topic_lock_give(&h->lock);
        return ERR_BUSY;
    } else if (h->state == LEADS) {
        lead(c->store, h);
    }
    finish(c->store, h);
    return c->err;
}

static enum err
run_batched(struct change *c)
{
    struct holder h = {.changes = {c}, .count = 1, .called = PTHREAD_COND_INITIALIZER};
    int wait_ms = (int)store_left(c->store, CHANGE_MS);
    bool served;
    enum err err = topic_lock_take_or_ride(&h.lock, c->plan->topics[0], wait_ms, c, &served);

    if (err != ERR_NONE)
        return err;
    return served ? c->err : run_or_join(c, &h);
}

static enum err
run_alone(struct change *c)
{
    struct holder h = {.changes = {c}, .count = 1};
    const char *names[CHANGE_TOPICS + 1];
    int count = c->plan->topic_count;
    enum err err;

    memcpy(names, c->plan->topics, sizeof(c->plan->topics));
    if (c->plan->last_topic != NULL)
        names[count++] = c->plan->last_topic;
    err = topic_lock_take(&h.lock, names, count, (int)store_left(c->store, CHANGE_MS));
    if (err != ERR_NONE)
        return err;
    ticket_take(bus_tickets(c->bus), &h.lock, (int)store_left(c->store, TICKET_MS), &h.ticket);
    finish(c->store, &h);
    return c->err;
}

enum err
change_run(struct store *store, struct bus *bus, const char *epoch, const struct change_plan *plan)
{
    struct change c = {.plan = plan,
                       .store = store,
                       .bus = bus,
                       .epoch = epoch,
                       .request = log_request_id(),
                       .line = -1};
    int64_t own = store_deadline_of(store);
    enum err err;

    c.deadline = own != 0 ? own : clock_steady() + CHANGE_MS * 1000;
    store_deadline(store, c.deadline);
    err = plan->batched ? run_batched(&c) : run_alone(&c);
    store_deadline(store, own);
    if (err == ERR_NONE && !c.undone && plan->committed != NULL)
        plan->committed(plan->arg);
    change_free(&c);
    return err;
}
