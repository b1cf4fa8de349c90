/*
 * Decides which thread runs a plan, and with which others.  A process has SLOTS slots for batches.
 * A writer that holds its topic's lock and finds a free slot runs at once.  Otherwise it waits.
 * The writer that gets the next slot leads a batch: its own change, those of all writers that wait
 * for a slot, and those that wait for these writers' topic locks (delegated, see topic_lock.h).  So
 * batches grow and shrink with the load, and a change waits for at most the running batch and its
 * own.
 *
 * A batch that conflicts with another host is split: each topic's changes are tried again by
 * themselves, without a slot, so that they do not delay other topics.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "common/change/batch.h"
#include "common/change/change.h"
#include "common/change/change_inside.h"
#include "common/log.h"
#include "common/redis/bus.h"
#include "common/time/clock.h"
#include "common/topics/ticket.h"

#define SLOTS     1     /* batches that a process runs at once */
#define CHANGE_MS 10000 /* limit for a change if the store has no deadline */
#define TICKET_MS 1000  /* the longest wait for a ticket */
#define JOIN_MS   1000  /* with less time left a change shares no batch, whose deadline it sets */
#define SLOT_MS   500   /* the longest wait for a slot; then the change runs without one */
#define DOUBT     3     /* transient conflicts before hints are dropped: see below */

/*
 * A writer that holds its topics' locks, and the delegated changes that it has taken from the
 * lock's queue.
 */
struct holder {
    struct holder *next;
    struct topic_lock lock;
    struct ticket ticket;
    struct change *own;
    struct change *changes[BATCH_MAX]; /* without a result yet: its own first, then delegated */
    int count;
    pthread_cond_t called;
    enum holder_state { WAITS, TAKEN, LEADS, SERVED, LEFT_ALONE } state;
};

/* The members of a batch: the leader's changes, and those of the writers that wait for a slot. */
struct group {
    struct holder *holders[BATCH_MAX];
    int holder_count;
    struct change *changes[BATCH_MAX];
    int count;
};

static struct {
    pthread_mutex_t lock;
    int taken;
    struct holder *first, **last; /* those that wait for a slot */
} slots = {.lock = PTHREAD_MUTEX_INITIALIZER, .last = &slots.first};

/* 1, 2, 4 ... 64 ms, each reduced by a random part of up to one half. */
void
change_back_off(int tries)
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
 * Runs the batch, and again after each conflict until the deadline; several changes together at
 * most DOUBT times.  Takes tickets if other hosts write to the topics too.
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
        change_back_off(tries - 1);
        if (store_left(b->store, CHANGE_MS) == 0) {
            const struct change_plan *plan = b->changes[0]->plan;

            log_warn("event log: %s: gave up after %d conflicts",
                     plan->topic_count > 0 ? plan->topics[0] : "no topic", tries);
            return ERR_BUSY;
        }
        /* The hints may be wrong, for example after a manual change in the database. */
        if (tries >= DOUBT)
            forget_hints(b);
        if (!ticket_holds(&h->ticket))
            ticket_take(tickets, &h->lock, (int)store_left(b->store, TICKET_MS), &h->ticket);
    }
    return err;
}

/* The batch's deadline is the earliest of its changes' deadlines. */
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
bool
change_may_part(const struct batch *b, enum err err)
{
    if (b->unknown || (err == ERR_STORE && !store_refused(b->store)))
        return false;
    return b->count > 1 || err == ERR_RETRY;
}

/*
 * After a failed transaction: decides which changes have its error as their result and which must
 * be tried again.  If the result of a commit is unknown, changes that were not part of it still
 * run.
 */
static void
judge_failed(const struct batch *b, enum err err)
{
    bool part = change_may_part(b, err);

    for (int i = 0; i < b->count; i++) {
        struct change *c = b->changes[i];
        bool fails = b->unknown ? c->run : !part;

        if (!c->over && fails)
            c->err = err;
        c->run = c->over || fails;
    }
}

/* Wakes the writers whose delegated changes are done; the others stay with their holder. */
static void
finish_delegated(struct holder *h)
{
    int rest = 0;

    for (int i = 0; i < h->count; i++) {
        struct change *c = h->changes[i];

        if (!c->run)
            h->changes[rest++] = c;
        else if (c->stripe >= 0)
            topic_lock_job_done(c->stripe, c);
    }
    h->count = rest;
}

/* Puts the writers whose delegated changes have no result back into the queue for a turn. */
static void
return_delegated(struct holder *h)
{
    for (int i = h->count - 1; i >= 0; i--) {
        struct change *c = h->changes[i];
        int stripe = c->stripe;

        if (c->run)
            continue;
        h->changes[i] = h->changes[--h->count];
        c->stripe = -1;
        topic_lock_job_returned(stripe, c); /* it may end at once, when its time is up */
    }
}

/* The changes of a batch that failed share none any more. */
static void
set_apart(const struct batch *b)
{
    for (int i = 0; i < b->count; i++)
        b->changes[i]->apart |= !b->changes[i]->run;
}

/*
 * Runs the holder's own change until it has its result, together with the delegated ones until a
 * batch of them fails.
 */
static void
run_own(struct store *store, struct holder *h)
{
    while (!h->own->run) {
        struct batch b = {
            .store = store, .changes = h->changes, .count = h->own->apart ? 1 : h->count};
        enum err err;

        set_deadline(&b);
        err = try(&b, h);
        if (err == ERR_NONE) {
            batch_publish(&b, h->own->bus);
        } else {
            judge_failed(&b, err);
            set_apart(&b);
        }
        batch_free(&b);
    }
}

/* Lets the next writer begin; once the holder's own change has its result. */
static void
release(struct holder *h)
{
    return_delegated(h);
    ticket_give(bus_tickets(h->own->bus), &h->ticket);
    topic_lock_give(&h->lock);
}

/* Ends with the holder's own change: its client does not wait for others. */
static void
finish(struct store *store, struct holder *h)
{
    run_own(store, h);
    release(h);
    finish_delegated(h);
}

/* A batch ends in time for all its changes, so a change with little time left shares none. */
static bool
has_time(const struct change *c)
{
    return c->deadline - clock_steady() >= JOIN_MS * 1000;
}

/*
 * Can the change join: is there room, may it share a batch, has it time enough, and is its
 * idempotency key not in the batch yet?
 */
static bool
joins(const struct group *group, const struct change *c)
{
    const char *key = c->plan->idempotency;

    if (group->count == BATCH_MAX || c->apart || !has_time(c))
        return false;
    for (int i = 0; i < group->count && key != NULL; i++) {
        const char *other = group->changes[i]->plan->idempotency;

        if (other != NULL && strcmp(other, key) == 0)
            return false; /* it must find the record that the other stores */
    }
    return true;
}

struct taking {
    struct group *group;
    struct holder *holder;
};

static bool
take_delegated(void *arg, void *job)
{
    struct taking *t = arg;
    struct change *c = job;

    if (!joins(t->group, c))
        return false;
    c->stripe = t->holder->lock.stripe[0];
    t->group->changes[t->group->count++] = c;
    t->holder->changes[t->holder->count++] = c;
    return true;
}

static void
take_all_delegated(struct group *group, struct holder *h)
{
    struct taking t = {group, h};
    void *jobs[BATCH_MAX];

    if (h->own->apart || !has_time(h->own))
        return;
    (void)topic_lock_delegated(&h->lock, jobs, BATCH_MAX - group->count, take_delegated, &t);
}

static void
take_holder(struct group *group, struct holder *h)
{
    group->holders[group->holder_count++] = h;
    group->changes[group->count++] = h->own;
}

/* Takes the writers that wait for a slot, in order of arrival, as long as they fit. */
static void
take_waiting(struct group *group)
{
    struct holder *h;

    pthread_mutex_lock(&slots.lock);
    while ((h = slots.first) != NULL && joins(group, h->own)) {
        if ((slots.first = h->next) == NULL)
            slots.last = &slots.first;
        h->state = TAKEN;
        take_holder(group, h);
    }
    pthread_mutex_unlock(&slots.lock);
}

static void
leave_queue(struct holder *h)
{
    struct holder **at = &slots.first;

    while (*at != h)
        at = &(*at)->next;
    if ((*at = h->next) == NULL)
        slots.last = at;
}

/*
 * Waits until the writer is called or has waited long enough.  Once it is part of a batch it waits
 * until the batch is done, however long that takes.
 */
static void
await_call(struct holder *h)
{
    struct timespec until = clock_in(store_left(h->own->store, SLOT_MS));
    int rc = 0;

    while ((h->state == WAITS && rc == 0) || h->state == TAKEN) {
        if (h->state == TAKEN)
            pthread_cond_wait(&h->called, &slots.lock);
        else
            rc = pthread_cond_clockwait(&h->called, &slots.lock, CLOCK_MONOTONIC, &until);
    }
    if (h->state == WAITS)
        leave_queue(h);
}

/* False: no slot became free in time. */
static bool
enter_slot(struct holder *h)
{
    pthread_mutex_lock(&slots.lock);
    if (slots.taken < SLOTS) {
        slots.taken++;
        h->state = LEADS;
    } else {
        *slots.last = h;
        slots.last = &h->next;
        await_call(h);
    }
    pthread_mutex_unlock(&slots.lock);
    return h->state != WAITS;
}

static void
call(struct holder *h, enum holder_state state)
{
    h->state = state;
    pthread_cond_signal(&h->called);
}

/* Passes the slot to the writer that has waited longest. */
static void
leave_slot(void)
{
    struct holder *h;

    pthread_mutex_lock(&slots.lock);
    if ((h = slots.first) == NULL) {
        slots.taken--;
    } else {
        if ((slots.first = h->next) == NULL)
            slots.last = &slots.first;
        call(h, LEADS);
    }
    pthread_mutex_unlock(&slots.lock);
}

/*
 * Another host writes to these topics, so their next writers take tickets.  In a transaction of
 * several holders that applies to those whose hints were wrong.
 */
static void
note_conflict(const struct group *group)
{
    for (int i = 0; i < group->holder_count; i++) {
        const struct holder *h = group->holders[i];

        if (group->holder_count == 1 || topic_hints_doubted(h->own->plan->topics[0]))
            ticket_conflict(&h->lock);
    }
}

/* Wakes the other holders; they run what was not done. */
static void
call_holders(const struct group *group)
{
    for (int i = 1; i < group->holder_count; i++) {
        struct holder *h = group->holders[i];

        finish_delegated(h);
        pthread_mutex_lock(&slots.lock);
        call(h, h->count == 0 ? SERVED : LEFT_ALONE);
        pthread_mutex_unlock(&slots.lock);
    }
}

/* Runs one transaction for all waiting changes; what it could not do is left to the holders. */
static void
lead(struct store *store, struct holder *me)
{
    struct group group = {0};
    struct batch b = {.store = store, .changes = group.changes};
    enum err err;

    take_holder(&group, me);
    if (has_time(me->own))
        take_waiting(&group);
    for (int i = 0; i < group.holder_count; i++)
        take_all_delegated(&group, group.holders[i]);
    b.count = group.count;
    set_deadline(&b);
    err = batch_run(&b);
    leave_slot();
    if (err == ERR_RETRY)
        note_conflict(&group);
    if (err != ERR_NONE)
        judge_failed(&b, err);
    if (me->own->run)
        release(me);
    if (err == ERR_NONE)
        batch_publish(&b, me->own->bus);
    batch_free(&b);
    call_holders(&group);
    finish_delegated(me);
}

static void
take_tickets(struct holder *h)
{
    ticket_take(bus_tickets(h->own->bus), &h->lock, (int)store_left(h->own->store, TICKET_MS),
                &h->ticket);
}

/* Called with the topic's lock: runs at once if a slot is free, otherwise in the next batch. */
static enum err
run_or_join(struct change *c, struct holder *h)
{
    struct group group = {0};

    /* Without a slot if it runs alone, if another host writes to the topic, or if none is free. */
    if (c->apart || ticket_contended(&h->lock) || !enter_slot(h)) {
        take_tickets(h);
        take_holder(&group, h);
        take_all_delegated(&group, h);
    } else if (h->state == LEADS) {
        lead(c->store, h);
    }
    finish(c->store, h);
    return c->err;
}

static enum err
run_batched(struct change *c)
{
    struct holder h = {.own = c, .changes = {c}, .count = 1, .called = PTHREAD_COND_INITIALIZER};
    int wait_ms = (int)store_left(c->store, CHANGE_MS);
    bool done;
    enum err err = topic_lock_take_or_delegate(&h.lock, c->plan->topics[0], wait_ms, c, &done);

    if (err != ERR_NONE)
        return err;
    return done ? c->err : run_or_join(c, &h);
}

static enum err
run_alone(struct change *c)
{
    struct holder h = {.own = c, .changes = {c}, .count = 1};
    const char *names[CHANGE_TOPICS + 1];
    int count = c->plan->topic_count;
    enum err err;

    memcpy(names, c->plan->topics, sizeof(c->plan->topics));
    if (c->plan->last_topic != NULL)
        names[count++] = c->plan->last_topic;
    err = topic_lock_take(&h.lock, names, count, (int)store_left(c->store, CHANGE_MS));
    if (err != ERR_NONE)
        return err;
    take_tickets(&h);
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
                       .stripe = -1};
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
