/*
 * One transaction: first the topics' numbers for all changes at once, so that a write by another
 * host conflicts immediately; then the plans' functions, one after another; then the collected
 * writes; then corrections of the numbers if a change needed more or fewer.
 */
#include "common/change/batch.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/must.h"
#include "common/change/change.h"
#include "common/change/change_inside.h"
#include "common/log.h"
#include "common/redis/bus.h"
#include "common/store/store_gather.h"
#include "common/time/clock.h"

#define BYTES_MAX      8388608  /* of documents; then the transaction takes no more changes */
#define RUN_US         50000    /* for the plans' functions; then it takes no more changes */
#define IDEMPOTENCY_MS 86400000 /* how long a record is kept */
#define AGAIN_MAX      3        /* restarts of a transaction; then ERR_BUSY: the batch is split */

static void
forget_events(struct batch *b, size_t from)
{
    while (b->event_count > from) {
        bson_destroy(b->events[--b->event_count].doc);
        text_free(&b->events[b->event_count].message);
    }
}

static void
start_over(struct batch *b)
{
    forget_events(b, 0);
    batch_forget_topics(b);
    b->event_bytes = 0;
    b->now = clock_now();
    for (int i = 0; i < b->count; i++) {
        struct change *c = b->changes[i];

        c->run = c->over;
        if (!change_takes_part(c))
            continue;
        c->err = ERR_NONE;
        if (c->given != NULL)
            c->plan = c->given; /* it states its plan again */
        bson_destroy(c->record);
        c->record = NULL;
    }
}

/*
 * Reads the documents that the plans name, with one command for each collection.  A change that
 * runs alone reads for itself, unless its owner has just read the document: then that copy is used
 * until it turns out to be stale.
 */
static enum err
read_ahead(struct batch *b)
{
    bson_oid_t ids[CHANGE_STEPS];
    enum err err = ERR_NONE;

    b->seen = b->count == 1 && !b->changes[0]->tried && b->changes[0]->plan->seen != NULL;
    if (b->seen)
        store_gather_seen(b->store, b->changes[0]->plan->reads, b->changes[0]->plan->seen);
    if (b->count == 1)
        return ERR_NONE;
    for (int name = 0; name < STORE__COUNT && err == ERR_NONE; name++) {
        size_t n = 0;

        for (int i = 0; i < b->count; i++) {
            const struct change *c = b->changes[i];

            if (change_takes_part(c) && c->plan->read_id != NULL &&
                c->plan->reads == (enum store_name)name)
                ids[n++] = *c->plan->read_id;
        }
        if (n > 0)
            err = store_gather_read(b->store, (enum store_name)name, ids, n);
    }
    return err;
}

static void
make_record(struct change *c)
{
    if (c->plan->idempotency == NULL)
        return;
    c->record = BCON_NEW("_id", BCON_UTF8(c->plan->idempotency), "expiresAt",
                         BCON_DATE_TIME(c->batch->now + IDEMPOTENCY_MS));
    if (c->plan->record != NULL)
        c->plan->record(c->record, c->plan->record_arg);
}

/* Runs the plan's function with its owner's memory limit and request id. */
static enum err
call(struct batch *b, struct change *c)
{
    const struct arena *limit = b->store == c->store ? b->limit : store_limit_of(c->store);
    const char *request = log_request_id();
    enum err err;

    log_request(c->request);
    store_limit(b->store, limit);
    err = c->plan->fn(c, c->plan->arg);
    if (err == ERR_NONE && limit != NULL && arena_full(limit))
        err = ERR_TOO_MUCH;
    store_limit(b->store, NULL);
    log_request(request);
    return err;
}

bool
batch_undo_change(struct batch *b, struct change *c)
{
    change_undo_topics(c);
    forget_events(b, c->events);
    return store_gather_undo(b->store, &c->mark) && !store_failed(b->store);
}

/* Is this the only change that the transaction runs? */
static bool
is_alone(const struct batch *b)
{
    int running = 0;

    for (int i = 0; i < b->count; i++)
        running += change_takes_part(b->changes[i]);
    return running == 1;
}

/* The changes of an ordered batch before this one, or only this one if it is the first. */
static void
cut_off(struct batch *b, const struct change *c)
{
    int before = 0;

    while (b->changes[before] != c)
        before++;
    b->count = before > 0 ? before : 1;
}

/*
 * The transaction must start again without this change.  If the change was alone, its result is
 * final.  Otherwise it may have read what other changes of the transaction wrote, which may not be
 * committed, so it runs once more by itself.
 */
static void
exclude(struct batch *b, struct change *c)
{
    c->over = is_alone(b);
    if (!c->over && b->ordered)
        cut_off(b, c);
    else
        c->apart = !c->over;
}

/* Undoes a change that failed or did nothing; false: the transaction must start again. */
static bool
undo_change(struct batch *b, struct change *c)
{
    /* Only a write detects that a document read before the transaction is out of date. */
    if (b->seen && store_gather_used_seen(b->store))
        return false;
    if (batch_undo_change(b, c))
        return true;
    exclude(b, c);
    return false;
}

static enum err
run_one(struct batch *b, struct change *c)
{
    change_start(c, b);
    c->run = c->tried = true;
    c->err = call(b, c);
    if (c->err == ERR_BUSY && store_left(b->store, 1) == 0)
        return ERR_BUSY;
    if (c->err == ERR_RETRY && (b->ordered || is_alone(b)))
        return ERR_RETRY;
    if (c->err != ERR_NONE && b->atomic)
        return c->err;
    if (c->err == ERR_NONE)
        make_record(c);
    c->undone = c->err == ERR_NONE && change_is_idle(c);
    if (c->err == ERR_NONE && !c->undone)
        change_return_numbers(c);
    else if (c->err == ERR_RETRY) { /* others write what it joined, say a topic of its own */
        b->again = true;
        exclude(b, c);
    } else if (b->atomic) { /* it changed nothing: whatever it sent can stay */
        (void)!batch_undo_change(b, c);
    } else {
        b->again = !undo_change(b, c);
    }
    return b->again && b->agains++ == AGAIN_MAX ? ERR_BUSY : ERR_NONE;
}

static enum err
run_each(struct batch *b)
{
    int64_t began = clock_steady();
    bool large;
    enum err err = ERR_NONE;

    for (int i = 0; i < b->count && err == ERR_NONE && !b->again; i++) {
        if (!change_takes_part(b->changes[i]))
            continue;
        large = i > 0 && store_gather_bytes(b->store) + b->event_bytes > BYTES_MAX;
        if (large && b->atomic)
            err = ERR_TOO_MUCH;
        else if (large || (i > 0 && !b->atomic && clock_steady() - began > RUN_US))
            break;
        else
            err = run_one(b, b->changes[i]);
        if (err != ERR_NONE && err != ERR_RETRY)
            b->failed = i;
    }
    return err;
}

static enum err
store_events(struct batch *b)
{
    const bson_t **docs = must_alloc(b->event_count + 1, sizeof(*docs));
    enum err err;

    for (size_t i = 0; i < b->event_count; i++)
        docs[i] = b->events[i].doc;
    err = store_insert_many(b->store, STORE_EVENTS, docs, b->event_count);
    free(docs);
    return err;
}

/* The records of the changes that succeeded, whether or not they changed anything. */
static size_t
records_of(const struct batch *b, const bson_t **out)
{
    size_t count = 0;

    for (int i = 0; i < b->count; i++)
        if (b->changes[i]->run && b->changes[i]->err == ERR_NONE && b->changes[i]->record != NULL)
            out[count++] = b->changes[i]->record;
    return count;
}

/* Did any change take effect? */
static bool
has_effect(const struct batch *b)
{
    for (int i = 0; i < b->count; i++)
        if (b->changes[i]->run && b->changes[i]->err == ERR_NONE && !b->changes[i]->undone)
            return true;
    return false;
}

/*
 * A number without an event would be a gap in the log.  So if no change did anything, the
 * transaction is aborted and only the records are stored.
 */
static enum err
settle(struct batch *b)
{
    const bson_t *records[CHANGE_STEPS];
    size_t count = records_of(b, records);
    enum err err = ERR_NONE;

    if (has_effect(b)) {
        if ((err = store_gather_flush(b->store)) == ERR_NONE &&
            (err = batch_correct_topics(b)) == ERR_NONE)
            err = store_events(b);
    } else {
        store_abort(b->store);
        batch_forget_topics(b);
        if (count == 0)
            return ERR_NONE;
        err = store_begin(b->store);
    }
    if (err == ERR_NONE)
        err = store_insert_many(b->store, STORE_IDEMPOTENCY, records, count);
    if (err != ERR_NONE)
        return err;
    err = store_commit(b->store);
    b->unknown = err == ERR_STORE;
    return err;
}

static enum err
attempt(struct batch *b)
{
    enum err err;

    b->again = false;
    b->failed = -1;
    start_over(b);
    if ((err = store_begin(b->store)) != ERR_NONE)
        return err;
    err = batch_number_topics(b);
    if (err == ERR_NONE && !b->again && (err = read_ahead(b)) == ERR_NONE)
        err = run_each(b);
    if (err == ERR_NONE && !b->again)
        err = settle(b);
    if (err != ERR_NONE || b->again)
        store_abort(b->store);
    return err;
}

/* Stores hints for the next writer of the planned topics. */
static void
remember(const struct batch *b, enum err err)
{
    for (const struct topic *t = b->topics; t != NULL; t = t->next) {
        if (t->planned && t->numbered && err == ERR_NONE)
            topic_hints_put(t->name, &t->now);
        else if (t->planned && b->unknown)
            topic_hints_forget(t->name);
    }
}

enum err
batch_run(struct batch *b)
{
    bool suspect;
    enum err err;

    for (int i = 0; i < b->count; i++)
        b->changes[i]->apart = false;
    b->limit = store_limit_of(b->store);
    store_limit(b->store, NULL); /* memory of the transaction itself counts for no request */
    do {
        suspect = b->suspect;
        err = attempt(b);
    } while ((err == ERR_NONE && b->again) || (err == ERR_RETRY && b->suspect && !suspect));
    store_limit(b->store, b->limit);
    remember(b, err);
    return err;
}

void
batch_publish(const struct batch *b, struct bus *bus)
{
    struct bus_message *messages = must_alloc(b->event_count + 1, sizeof(*messages));

    for (size_t i = 0; i < b->event_count; i++) {
        const struct text *message = &b->events[i].message;

        messages[i] = (struct bus_message){b->events[i].channel, message->bytes, message->len};
    }
    if (bus != NULL)
        bus_publish_all(bus, messages, b->event_count);
    free(messages);
}

void
batch_free(struct batch *b)
{
    forget_events(b, 0);
    batch_forget_topics(b);
    free(b->events);
    b->events = NULL;
}
