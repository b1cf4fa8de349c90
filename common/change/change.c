/*
 * What a plan's function may call: numbers, events, remembered results.  Numbers are counted in
 * memory, continuing from the transaction's earlier changes; batch_topics.c updates the topics'
 * documents.
 */
#include "common/change/change.h"
#include "common/change/change_inside.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"
#include "common/text/doc.h"

struct store *
change_store(struct change *c)
{
    return c->batch->store;
}

int64_t
change_now(const struct change *c)
{
    return c->batch->now;
}

void
change_remember(struct change *c, const char *name, bool value)
{
    struct finding *f = must_alloc(1, sizeof(*f));

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

void
change_free(struct change *c)
{
    for (struct finding *f = c->findings, *next; f != NULL; f = next) {
        next = f->next;
        free(f->name);
        free(f);
    }
    c->findings = NULL;
    free(c->adopted);
    c->adopted = NULL;
    bson_destroy(c->record);
    c->record = NULL;
}

/* Is it the topic whose counter the plan increments? */
static bool
counts(const struct change *c, int topic)
{
    return c->plan->counter && topic == c->plan->counter_topic;
}

/* NULL: the change has too many topics already. */
static struct own_topic *
add_topic(struct change *c, const char *name)
{
    struct own_topic *own = &c->topics[c->topic_count];

    if (c->topic_count == TOPICS_MAX)
        return NULL;
    c->topic_count++;
    *own = (struct own_topic){.topic = batch_topic(c->batch, name)};
    own->before = own->topic->now;
    return own;
}

/* Planned topics have their numbers already: the change gets the next one. */
static void
plan_topic(struct change *c, int topic)
{
    struct own_topic *own = add_topic(c, c->plan->topics[topic]);
    struct topic_hint *now = &own->topic->now;

    own->planned = own->taken = true;
    now->seq++;
    now->bytes += c->plan->bytes;
    if (counts(c, topic))
        c->counter = ++now->counter;
}

/* Its number is taken now, unless a change before it has already taken one in this transaction. */
static enum err
adopt_topic(struct change *c, int topic)
{
    struct own_topic *own = add_topic(c, c->plan->topics[topic]);
    enum err err;

    if (own == NULL)
        return ERR_TOO_MUCH;
    if (!own->topic->numbered) {
        if ((err = batch_number(c->batch, own->topic)) != ERR_NONE)
            return err;
        own->before = own->topic->now;
        own->before.seq--; /* undone, it goes to the next change */
        own->topic->planned = true;
        c->mark = store_gather_mark(c->batch->store); /* this write can stay */
    } else {
        own->topic->now.seq++;
    }
    own->planned = own->taken = true;
    own->topic->now.bytes += c->plan->bytes;
    if (counts(c, topic))
        c->counter = ++own->topic->now.counter;
    return ERR_NONE;
}

enum err
change_adopt(struct change *c, const struct change_plan *plan)
{
    enum err err = ERR_NONE;

    if (!batch_undo_change(c->batch, c))
        return ERR_INTERNAL; /* a plan that is followed by another one must fail before it writes */
    if (c->adopted == NULL)
        c->adopted = must_alloc(1, sizeof(*c->adopted));
    *c->adopted = *plan;
    c->plan = c->adopted;
    for (int i = 0; i < plan->topic_count && err == ERR_NONE; i++)
        err = adopt_topic(c, i);
    return err == ERR_NONE ? plan->fn(c, plan->arg) : err;
}

void
change_start(struct change *c, struct batch *b)
{
    c->batch = b;
    c->mark = store_gather_mark(b->store);
    c->events = b->event_count;
    c->topic_count = 0;
    c->undone = false;
    for (int i = 0; i < c->plan->topic_count; i++)
        plan_topic(c, i);
}

void
change_undo_topics(struct change *c)
{
    while (c->topic_count > 0) {
        const struct own_topic *own = &c->topics[--c->topic_count];

        own->topic->now = own->before;
    }
}

/*
 * Gives the last number of each topic to the next change if no event has it; then nothing was
 * written there either.
 */
void
change_return_numbers(struct change *c)
{
    for (int i = 0; i < c->topic_count; i++) {
        struct own_topic *own = &c->topics[i];

        if (!own->taken || own->used)
            continue;
        own->topic->now.seq--;
        if (own->planned)
            own->topic->now.bytes -= c->plan->bytes;
    }
}

/* Has it taken numbers and used none of them?  Or is it a step that stated no plan? */
bool
change_is_idle(const struct change *c)
{
    int taken = c->given != NULL && c->plan == c->given, used = 0;

    for (int i = 0; i < c->topic_count; i++) {
        taken += c->topics[i].taken;
        used += c->topics[i].used;
    }
    return taken > 0 && used == 0;
}

int64_t
change_seq(const struct change *c, int topic)
{
    return c->topics[topic].topic->now.seq;
}

int
change_topic(const struct change *c, const char *name)
{
    for (int i = 0; i < c->topic_count; i++)
        if (strcmp(c->topics[i].topic->name, name) == 0)
            return i;
    return -1;
}

int64_t
change_unchanged(const struct change *c, int topic)
{
    const struct own_topic *own = &c->topics[topic];

    return own->planned && own->topic->known && !own->used ? own->topic->now.unchanged : INT64_MAX;
}

int64_t
change_as_of(const struct change *c, int topic)
{
    const struct own_topic *own = &c->topics[topic];

    return own->planned && !own->used ? own->topic->now.seq - 1 : -1;
}

int64_t
change_bytes(const struct change *c, int topic)
{
    return c->topics[topic].topic->now.bytes;
}

void
change_add_bytes(struct change *c, int topic, int64_t bytes)
{
    c->topics[topic].topic->now.bytes += bytes;
}

int64_t
change_counter(const struct change *c)
{
    return c->counter;
}

int64_t
change_count(struct change *c, int topic)
{
    return ++c->topics[topic].topic->now.counter;
}

enum err
change_new_topic(struct change *c, const char *name, int *topic)
{
    struct own_topic *own = add_topic(c, name);
    bson_t *doc;
    enum err err;

    if (own == NULL)
        return ERR_TOO_MUCH;
    doc = BCON_NEW("_id", BCON_UTF8(name), "seq", BCON_INT64(1));
    err = store_insert(change_store(c), STORE_TOPICS, doc);
    bson_destroy(doc);
    own->topic->now.seq = own->topic->stored.seq = 1;
    own->topic->numbered = true;
    own->taken = true;
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
    struct own_topic *own = &c->topics[topic];
    struct topic *t = own->topic;
    enum err err = ERR_NONE;

    if (!own->taken && !t->numbered)
        err = batch_number(c->batch, t);
    else if (!own->taken || own->used)
        t->now.seq++;
    own->taken = own->used = true;
    *seq = t->now.seq;
    return err;
}

static struct written_event *
add_event(struct batch *b)
{
    if (b->event_count == b->event_size) {
        b->event_size = b->event_size == 0 ? 4 : b->event_size * 2;
        b->events = must_resize(b->events, b->event_size * sizeof(*b->events));
    }
    memset(&b->events[b->event_count], 0, sizeof(*b->events));
    return &b->events[b->event_count++];
}

enum err
change_unsent(const struct change *c, const char *topic, const bson_oid_t *entity, store_each each,
              void *arg)
{
    enum err err = ERR_NONE;

    for (size_t i = c->batch->event_count; i-- > 0 && err == ERR_NONE;) {
        const struct written_event *w = &c->batch->events[i];

        if (strcmp(w->channel + strlen(EVENT_CHANNEL), topic) == 0 &&
            bson_oid_equal(doc_id(w->doc, "entityId"), entity))
            err = each(arg, w->doc);
    }
    return err;
}

/* Whose counters the event tells, for /v1/sync. */
static void
append_counted(bson_t *doc, const struct event *e)
{
    bson_t list;
    struct doc_array array = {&list, 0};
    bson_oid_t id;

    if (e->counts == NULL)
        return;
    BSON_APPEND_ARRAY_BEGIN(doc, "counted", &list);
    for (int i = 0; i < EVENT_COUNTED && e->counted[i][0] != '\0'; i++) {
        bson_oid_init_from_string(&id, e->counted[i]);
        doc_array_add_id(&array, &id);
    }
    bson_append_array_end(doc, &list);
}

/* Cuts off the content of a frame. */
static void
forget_content(struct written_event *w)
{
    bson_iter_t iter;
    const char *frame, *content;
    char *start;
    bson_t *doc = bson_new();

    bson_copy_to_excluding_noinit(w->doc, doc, "frame", NULL);
    if (!bson_iter_init_find(&iter, w->doc, "frame"))
        must_not_happen("change: an event without a frame");
    frame = bson_iter_utf8(&iter, NULL);
    content = strstr(frame, EVENT_CONTENT_START);
    if (content == NULL || (start = strstr(w->message.bytes, EVENT_CONTENT_START)) == NULL)
        must_not_happen("change: a frame without content");
    w->message.len = (size_t)(start - w->message.bytes);
    *start = '\0';
    text_puts(&w->message, EVENT_FORGOTTEN);
    bson_append_utf8(doc, "frame", 5, strchr(w->message.bytes, '\n') + 1, -1);
    bson_destroy(w->doc);
    w->doc = doc;
}

void
change_forget_unsent(struct change *c, const char *topic, const bson_oid_t *entity)
{
    for (size_t i = 0; i < c->batch->event_count; i++) {
        struct written_event *w = &c->batch->events[i];

        if ((topic == NULL || strcmp(w->channel + strlen(EVENT_CHANNEL), topic) == 0) &&
            bson_oid_equal(doc_id(w->doc, "entityId"), entity))
            forget_content(w);
    }
}

enum err
change_event(struct change *c, int topic, struct event *e)
{
    struct topic *t = c->topics[topic].topic;
    struct written_event *w;
    struct text frame = {0};
    bson_oid_t id;
    enum err err = change_number(c, topic, &e->seq);

    if (err != ERR_NONE)
        return err;
    if (event_rows[e->kind].rights)
        t->now.unchanged = t->now.seq;
    e->topic = t->name;
    e->at = c->batch->now;
    e->actor_id = c->plan->actor_id;
    event_frame(&frame, c->epoch, e);
    w = add_event(c->batch);
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
    append_counted(w->doc, e);
    bson_append_utf8(w->doc, "frame", 5, frame.bytes, (int)frame.len);
    c->batch->event_bytes += 2 * frame.len;
    text_free(&frame);
    return ERR_NONE;
}
