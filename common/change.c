/*
 * Changes.  The topic's counter is the first thing a transaction
 * touches: two writers of a topic conflict at once, so numbers are handed out
 * in commit order, dense, and nothing is visible out of order.
 */
#include "common/change.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/heads.h"
#include "common/log.h"
#include "common/text.h"
#include "common/ticket.h"
#include "common/turns.h"

#define CHANGE_MS      10000 /* a change may take, where the store has no deadline */
#define TICKET_MS      1000  /* it waits for a ticket, at most */
#define DOUBT          3     /* transient conflicts before nothing remembered counts: see below */
#define TOPICS_MAX     80    /* planned, made and joined ones of one change */
#define IDEMPOTENCY_MS 86400000

struct topic {
    char name[EVENT_TOPIC];
    int64_t seq;
    int64_t first; /* the first number of this transaction */
    bool planned;  /* the writer has its turn */
    bool known;    /* head was there, and still holds */
    bool numbered; /* this transaction has moved its number */
    bool used;     /* an event bears the newest number */
    struct head head;
};

struct written_event {
    bson_t *doc; /* a bson_t wants 128-byte alignment, which realloc() does not give */
    char channel[EVENT_TOPIC + 4];
    struct text message;
};

struct finding {
    struct finding *next;
    char *name;
    bool value;
};

struct change {
    const struct change_plan *plan;
    struct store *store;
    struct bus *bus;
    const char *epoch;
    int64_t now, counter;
    struct topic topics[TOPICS_MAX];
    int topic_count;
    struct written_event *events;
    size_t event_count, event_size;
    bool undone; /* fn's transaction was given up: there was nothing to change */
    struct finding *findings;
};

struct store *
change_store(struct change *c)
{
    return c->store;
}

int64_t
change_now(const struct change *c)
{
    return c->now;
}

void
change_remember(struct change *c, const char *name, bool value)
{
    struct finding *f = calloc(1, sizeof(*f));

    if (f == NULL)
        abort();
    *f = (struct finding){c->findings, text_dup(name), value};
    c->findings = f;
}

bool
change_recall(const struct change *c, const char *name, bool *value)
{
    const struct finding *f = c->findings;

    while (f != NULL && strcmp(f->name, name) != 0)
        f = f->next;
    if (f != NULL)
        *value = f->value;
    return f != NULL;
}

static void
free_findings(struct change *c)
{
    for (struct finding *f = c->findings, *next; f != NULL; f = next) {
        next = f->next;
        free(f->name);
        free(f);
    }
}

int64_t
change_seq(const struct change *c, int topic)
{
    return c->topics[topic].seq;
}

/* Is it the topic whose counter the plan moves? */
static bool
counts(const struct change *c, const struct topic *t)
{
    return c->plan->counter && t == &c->topics[c->plan->counter_topic];
}

/* Reads the number that was taken, and the counter. */
static enum err
read_number(struct change *c, struct topic *t, const bson_t *filter)
{
    bson_t *doc;
    bson_iter_t iter;
    enum err err = store_get(c->store, STORE_TOPICS, filter, NULL, &doc);

    if (err != ERR_NONE)
        return err;
    if (bson_iter_init_find(&iter, doc, "seq"))
        t->seq = bson_iter_as_int64(&iter);
    if (bson_iter_init_find(&iter, doc, EVENT_LOG_COUNTER))
        t->head.counter = bson_iter_as_int64(&iter);
    else
        t->head.counter = 0;
    t->head.bytes =
        bson_iter_init_find(&iter, doc, EVENT_LOG_BYTES) ? bson_iter_as_int64(&iter) : 0;
    t->head.unchanged = t->seq - 1; /* what this transaction reads is as of then */
    bson_destroy(doc);
    return ERR_NONE;
}

/* One step of number, counter and bytes, if `filter` is met: *matched. */
static enum err
move_number(struct change *c, struct topic *t, const bson_t *filter, int64_t *matched)
{
    bson_t update, inc, touched;
    enum err err;

    bson_init(&update);
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$currentDate", &touched);
    BSON_APPEND_BOOL(&touched, "touchedAt", true);
    bson_append_document_end(&update, &touched);
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$inc", &inc);
    BSON_APPEND_INT64(&inc, "seq", 1);
    if (!t->numbered && counts(c, t))
        BSON_APPEND_INT64(&inc, EVENT_LOG_COUNTER, 1);
    if (!t->numbered && t->planned && c->plan->bytes > 0)
        BSON_APPEND_INT64(&inc, EVENT_LOG_BYTES, c->plan->bytes);
    bson_append_document_end(&update, &inc);
    err = store_update(c->store, STORE_TOPICS, filter, &update, matched);
    bson_destroy(&update);
    return err;
}

/* The first number: from the head if it still holds, else by reading it back. */
static enum err
take_first(struct change *c, struct topic *t, const bson_t *filter)
{
    int64_t matched = 0;
    enum err err;

    t->known = t->planned && heads_get(t->name, &t->head);
    if (t->known) {
        bson_t guarded;

        bson_copy_to(filter, &guarded);
        BSON_APPEND_INT64(&guarded, "seq", t->head.seq);
        err = move_number(c, t, &guarded, &matched);
        bson_destroy(&guarded);
        if (err != ERR_NONE)
            return err;
        t->known = matched == 1;
        t->seq = t->head.seq + 1;
        t->head.counter += t->known && counts(c, t);
        t->head.bytes += t->known ? c->plan->bytes : 0;
    }
    if (!t->known) {
        if ((err = move_number(c, t, filter, &matched)) != ERR_NONE)
            return err;
        if (matched == 0)
            return ERR_NOT_FOUND;
        if ((err = read_number(c, t, filter)) != ERR_NONE)
            return err;
    }
    if (counts(c, t))
        c->counter = t->head.counter;
    t->first = t->seq;
    t->numbered = true;
    return ERR_NONE;
}

static enum err
take_number(struct change *c, struct topic *t)
{
    bson_t filter = BSON_INITIALIZER;
    int64_t matched;
    enum err err;

    BSON_APPEND_UTF8(&filter, "_id", t->name);
    if (!t->numbered) {
        err = take_first(c, t, &filter);
    } else if ((err = move_number(c, t, &filter, &matched)) == ERR_NONE) {
        t->seq++;
        t->used = false;
    }
    bson_destroy(&filter);
    return err;
}

/* NULL: the change concerns too many already. */
static struct topic *
add_topic(struct change *c, const char *name)
{
    struct topic *t = &c->topics[c->topic_count];

    if (c->topic_count == TOPICS_MAX)
        return NULL;
    c->topic_count++;
    *t = (struct topic){0};
    bson_strncpy(t->name, name, sizeof(t->name));
    return t;
}

int
change_topic(const struct change *c, const char *name)
{
    for (int i = 0; i < c->topic_count; i++)
        if (strcmp(c->topics[i].name, name) == 0)
            return i;
    return -1;
}

int64_t
change_unchanged(const struct change *c, int topic)
{
    const struct topic *t = &c->topics[topic];

    return t->planned && t->known && !t->used ? t->head.unchanged : INT64_MAX;
}

int64_t
change_as_of(const struct change *c, int topic)
{
    const struct topic *t = &c->topics[topic];

    return t->planned && !t->used ? t->first - 1 : -1;
}

int64_t
change_bytes(const struct change *c, int topic)
{
    return c->topics[topic].head.bytes;
}

int64_t
change_counter(const struct change *c)
{
    return c->counter;
}

enum err
change_new_topic(struct change *c, const char *name, int *topic)
{
    struct topic *t = add_topic(c, name);
    bson_t *doc;
    enum err err;

    if (t == NULL)
        return ERR_TOO_MUCH;
    doc = BCON_NEW("_id", BCON_UTF8(name), "seq", BCON_INT64(1));
    err = store_insert(c->store, STORE_TOPICS, doc);
    bson_destroy(doc);
    t->seq = 1;
    t->numbered = true;
    *topic = c->topic_count - 1;
    return err;
}

enum err
change_join_topic(struct change *c, const char *name, int *topic)
{
    *topic = change_topic(c, name);
    if (*topic < 0) {
        if (add_topic(c, name) == NULL)
            return ERR_TOO_MUCH;
        *topic = c->topic_count - 1;
    }
    return ERR_NONE;
}

enum err
change_number(struct change *c, int topic, int64_t *seq)
{
    struct topic *t = &c->topics[topic];
    enum err err = !t->numbered || t->used ? take_number(c, t) : ERR_NONE;

    t->used = true;
    *seq = t->seq;
    return err;
}

static struct written_event *
add_event(struct change *c)
{
    if (c->event_count == c->event_size) {
        c->event_size = c->event_size == 0 ? 4 : c->event_size * 2;
        c->events = realloc(c->events, c->event_size * sizeof(*c->events));
        if (c->events == NULL)
            abort();
    }
    memset(&c->events[c->event_count], 0, sizeof(*c->events));
    return &c->events[c->event_count++];
}

enum err
change_event(struct change *c, int topic, struct event *e)
{
    struct topic *t = &c->topics[topic];
    struct written_event *w;
    struct text frame = {0};
    bson_oid_t id;
    enum err err = change_number(c, topic, &e->seq);

    if (err != ERR_NONE)
        return err;
    if (event_rows[e->kind].rights)
        t->head.unchanged = t->seq;
    e->topic = t->name;
    e->at = c->now;
    e->actor_id = c->plan->actor_id;
    event_frame(&frame, c->epoch, e);
    w = add_event(c);
    strcpy(w->channel, EVENT_CHANNEL);
    strcat(w->channel, t->name);
    event_message(&w->message, e, frame.bytes, frame.len);
    w->doc = bson_new();
    BSON_APPEND_UTF8(w->doc, "topic", t->name);
    BSON_APPEND_INT64(w->doc, "seq", e->seq);
    BSON_APPEND_UTF8(w->doc, "kind", event_rows[e->kind].kind);
    BSON_APPEND_UTF8(w->doc, "entity", event_rows[e->kind].entity);
    bson_oid_init_from_string(&id, e->entity_id);
    BSON_APPEND_OID(w->doc, "entityId", &id);
    BSON_APPEND_INT64(w->doc, "rev", e->rev);
    if (e->actor_id != NULL) {
        bson_oid_init_from_string(&id, e->actor_id);
        BSON_APPEND_OID(w->doc, "actorId", &id);
    }
    BSON_APPEND_DATE_TIME(w->doc, "at", e->at);
    bson_append_utf8(w->doc, "frame", 5, frame.bytes, (int)frame.len);
    text_free(&frame);
    return ERR_NONE;
}

static void
forget_events(struct change *c)
{
    for (size_t i = 0; i < c->event_count; i++) {
        bson_destroy(c->events[i].doc);
        text_free(&c->events[i].message);
    }
    c->event_count = 0;
}

static enum err
store_events(struct change *c)
{
    const bson_t **docs;
    enum err err;

    if (c->event_count == 0)
        return ERR_NONE;
    docs = calloc(c->event_count, sizeof(*docs));
    if (docs == NULL)
        abort();
    for (size_t i = 0; i < c->event_count; i++)
        docs[i] = c->events[i].doc;
    err = store_insert_many(c->store, STORE_EVENTS, docs, c->event_count);
    free(docs);
    return err;
}

static enum err
store_record(struct change *c)
{
    bson_t record;
    enum err err;

    if (c->plan->idempotency == NULL)
        return ERR_NONE;
    bson_init(&record);
    BSON_APPEND_UTF8(&record, "_id", c->plan->idempotency);
    BSON_APPEND_DATE_TIME(&record, "expiresAt", c->now + IDEMPOTENCY_MS);
    if (c->plan->record != NULL)
        c->plan->record(&record, c->plan->record_arg);
    err = store_insert(c->store, STORE_IDEMPOTENCY, &record);
    bson_destroy(&record);
    return err;
}

/*
 * A number without an event would be a hole in the log.  So a plan that found
 * nothing to change is undone, and only its record is kept.
 */
static enum err
settle(struct change *c)
{
    int idle = 0;

    for (int i = 0; i < c->topic_count; i++)
        idle += c->topics[i].numbered && !c->topics[i].used;
    if (idle == 0)
        return store_events(c);
    if (c->event_count > 0) {
        log_error("event log: %s: a number has no event", c->topics[0].name);
        return ERR_INTERNAL;
    }
    c->undone = true;
    store_abort(c->store);
    return store_begin(c->store);
}

/* One run of the plan, up to the commit. */
static enum err
attempt(struct change *c)
{
    enum err err;

    forget_events(c);
    c->topic_count = 0;
    c->undone = false;
    c->now = clock_now();
    if ((err = store_begin(c->store)) != ERR_NONE)
        return err;
    for (int i = 0; err == ERR_NONE && i < c->plan->topic_count; i++) {
        struct topic *t = add_topic(c, c->plan->topics[i]);

        t->planned = true;
        err = take_number(c, t);
    }
    if (err == ERR_NONE)
        err = c->plan->fn(c, c->plan->arg);
    if (err == ERR_NONE)
        err = settle(c);
    if (err == ERR_NONE)
        err = store_record(c);
    if (err != ERR_NONE) {
        store_abort(c->store);
        return err;
    }
    return store_commit(c->store);
}

/* What the next writer of the planned topics may take for granted. */
static void
remember(struct change *c, enum err err)
{
    for (int i = 0; i < c->plan->topic_count; i++) {
        struct topic *t = &c->topics[i];

        if (err == ERR_NONE && i < c->topic_count && t->numbered && t->used) {
            t->head.seq = t->seq;
            heads_put(t->name, &t->head);
        } else if (err == ERR_STORE) { /* whether it was committed nobody knows */
            heads_forget(c->plan->topics[i]);
        }
    }
}

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

/* The plan, as often as it takes within the deadline; with a ticket where other hosts write too. */
static enum err
try(struct change *c, const struct turns *turns)
{
    const struct change_plan *plan = c->plan;
    struct tickets *tickets = bus_tickets(c->bus);
    struct ticket ticket;
    enum err err;

    ticket_take(tickets, turns, (int)store_left(c->store, TICKET_MS), &ticket);
    for (int tries = 0; (err = attempt(c)) == ERR_RETRY; tries++) {
        ticket_conflict(turns);
        back_off(tries);
        if (store_left(c->store, CHANGE_MS) == 0) {
            log_warn("event log: %s: gave up after %d conflicts",
                     plan->topic_count > 0 ? plan->topics[0] : "no topic", tries + 1);
            err = ERR_BUSY;
            break;
        }
        /* What was remembered may be wrong: somebody may have changed the database by hand. */
        for (int i = 0; i < plan->topic_count && tries + 1 >= DOUBT; i++)
            heads_forget(plan->topics[i]);
        if (!ticket_holds(&ticket))
            ticket_take(tickets, turns, (int)store_left(c->store, TICKET_MS), &ticket);
    }
    ticket_give(tickets, &ticket);
    return err;
}

static enum err
wait_for_turns(struct turns *turns, const struct change_plan *plan, int wait_ms)
{
    const char *names[CHANGE_TOPICS + 1];
    int count = plan->topic_count;

    memcpy(names, plan->topics, sizeof(plan->topics));
    if (plan->last_topic != NULL)
        names[count++] = plan->last_topic;
    return turns_take(turns, names, count, wait_ms);
}

/* Queues for the topics, runs the plan, remembers; a store without a deadline has one meanwhile. */
static enum err
run_in_turn(struct change *c)
{
    const struct change_plan *plan = c->plan;
    bool own = store_left(c->store, LONG_MAX) == LONG_MAX;
    struct turns turns;
    enum err err;

    if (own)
        store_deadline(c->store, clock_steady() + CHANGE_MS * 1000);
    err = wait_for_turns(&turns, plan, (int)store_left(c->store, CHANGE_MS));
    if (err == ERR_NONE) {
        err = try(c, &turns);
        remember(c, err);
        turns_give(&turns);
        if (err == ERR_NONE && !c->undone && plan->committed != NULL)
            plan->committed(plan->arg);
    }
    if (own)
        store_deadline(c->store, 0);
    return err;
}

enum err
change_run(struct store *store, struct bus *bus, const char *epoch, const struct change_plan *plan)
{
    struct change c = {.plan = plan, .store = store, .bus = bus, .epoch = epoch};
    enum err err = run_in_turn(&c);

    for (size_t i = 0; err == ERR_NONE && bus != NULL && i < c.event_count; i++)
        bus_publish(bus, c.events[i].channel, c.events[i].message.bytes, c.events[i].message.len);
    forget_events(&c);
    free_findings(&c);
    free(c.events);
    return err;
}
