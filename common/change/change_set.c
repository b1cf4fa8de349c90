/*
 * Runs the steps of a set: as many in each transaction as it takes, in their order.  A transaction
 * that cannot be committed as a whole is run again step by step.
 */
#include <stdlib.h>

#include "common/base/must.h"
#include "common/change/batch.h"
#include "common/change/change.h"
#include "common/change/change_inside.h"
#include "common/log.h"
#include "common/redis/bus.h"
#include "common/topics/ticket.h"

#define SET_MS    10000 /* limit for a transaction if the store has no deadline */
#define TICKET_MS 1000  /* the longest wait for a ticket */
#define DOUBT     3     /* transient conflicts before the steps run one by one */

struct run {
    struct change_set *set;
    struct store *store;
    struct bus *bus;
    struct change_plan *given;
    struct change *memory, **changes;
    int done;   /* steps that have their result */
    int single; /* so many of the next ones run in a transaction of their own */
};

static void
start(struct run *run, const char *epoch)
{
    size_t n = (size_t)run->set->count;

    run->given = must_alloc(n + 1, sizeof(*run->given));
    run->memory = must_alloc(n + 1, sizeof(*run->memory));
    run->changes = must_alloc(n + 1, sizeof(*run->changes));
    for (size_t i = 0; i < n; i++) {
        const struct change_step *step = &run->set->steps[i];

        run->given[i] = (struct change_plan){
            .fn = step->fn, .arg = step->arg, .read_id = step->read_id, .reads = step->reads};
        run->memory[i] = (struct change){.plan = &run->given[i],
                                         .given = &run->given[i],
                                         .store = run->store,
                                         .bus = run->bus,
                                         .epoch = epoch,
                                         .deadline = store_deadline_of(run->store),
                                         .request = log_request_id(),
                                         .stripe = -1};
        run->changes[i] = &run->memory[i];
    }
}

static void
end(struct run *run)
{
    for (int i = 0; i < run->set->count; i++)
        change_free(run->changes[i]);
    free(run->changes);
    free(run->memory);
    free(run->given);
}

/*
 * Runs the batch until it has a result or the deadline has passed; several steps that need not stay
 * together at most DOUBT times.
 */
static enum err
try(const struct run *run, struct batch *b, const struct topic_lock *lock, struct ticket *ticket)
{
    int count = b->count;
    enum err err;

    for (int tries = 1; (err = batch_run(b)) == ERR_RETRY; tries++) {
        if (lock->count > 0)
            ticket_conflict(lock);
        if (count > 1 && !b->atomic && tries >= DOUBT)
            break;
        change_back_off(tries - 1);
        if (store_left(run->store, SET_MS) == 0)
            return ERR_BUSY;
        b->count = count;
        if (lock->count > 0 && !ticket_holds(ticket))
            ticket_take(bus_tickets(run->bus), lock, (int)store_left(run->store, TICKET_MS),
                        ticket);
    }
    return err;
}

/* The same with the locks of the topics that will probably change. */
static enum err
run_locked(const struct run *run, struct batch *b)
{
    const struct change_set *set = run->set;
    struct topic_lock lock = {.count = 0};
    struct ticket ticket = {.count = 0};
    int wait_ms = (int)store_left(run->store, SET_MS);
    enum err err = set->topic_count == 0
                       ? ERR_NONE
                       : topic_lock_take(&lock, set->topics, set->topic_count, wait_ms);

    if (err != ERR_NONE)
        return err;
    if (lock.count > 0)
        ticket_take(bus_tickets(run->bus), &lock, (int)store_left(run->store, TICKET_MS), &ticket);
    err = try(run, b, &lock, &ticket);
    if (lock.count > 0) {
        ticket_give(bus_tickets(run->bus), &ticket);
        topic_lock_give(&lock);
    }
    return err;
}

/* The results of the steps that a transaction has run. */
static void
note_done(struct run *run, const struct batch *b)
{
    for (int i = 0; i < b->count && b->changes[i]->run; i++) {
        struct change *c = b->changes[i];

        run->set->steps[run->done++].err = c->err;
        run->single -= run->single > 0;
        if (c->err == ERR_NONE && !c->undone && c->plan->committed != NULL)
            c->plan->committed(c->plan->arg);
    }
}

/*
 * Nothing of the transaction took effect, or it is unknown whether it did.  Its steps fail, or run
 * again one by one.
 */
static void
note_failed(struct run *run, const struct batch *b, int count, enum err err)
{
    if (count > 1 && change_may_part(b, err)) {
        run->single = count;
        return;
    }
    if (b->unknown)
        count = b->count;
    for (int i = 0; i < count && (i == 0 || b->changes[i]->run || !b->unknown); i++)
        run->set->steps[run->done++].err = err;
    run->single = 0;
}

/* Runs the next steps in one transaction; returns its result. */
static enum err
run_next(struct run *run)
{
    int first = run->done, count = run->single > 0 ? 1 : run->set->count - run->done;
    struct batch b = {.store = run->store,
                      .changes = run->changes + run->done,
                      .count = count,
                      .ordered = true,
                      .atomic = run->set->atomic,
                      .failed = -1};
    enum err err = run_locked(run, &b);

    if (err == ERR_NONE) {
        batch_publish(&b, run->bus);
        note_done(run, &b);
    } else if (run->set->atomic) {
        run->set->failed = b.failed;
    } else {
        note_failed(run, &b, count, err);
    }
    batch_free(&b);
    if (run->done > first && run->set->settled != NULL)
        run->set->settled(run->set->arg, first, run->done - first);
    return err;
}

enum err
change_run_set(struct store *store, struct bus *bus, const char *epoch, struct change_set *set)
{
    struct run run = {.set = set, .store = store, .bus = bus};
    enum err err = ERR_NONE;

    set->failed = -1;
    start(&run, epoch);
    while (run.done < set->count && (err == ERR_NONE || !set->atomic))
        err = run_next(&run);
    end(&run);
    return set->atomic ? err : ERR_NONE;
}
