/*
 * How an entity was then is in its newest event up to the number, if that has the document; or it
 * follows from what it is now, or from an older document, and the changes in between.
 */
#include "api/v1/projects/past_entity.h"

#include <stdlib.h>
#include <string.h>

#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/schema/doc_load.h"
#include "api/schema/doc_revert.h"
#include "common/base/vec.h"
#include "common/change/event_log.h"
#include "common/text/json.h"
#include "common/time/clock.h"

#define FIRST_EVENTS   2 /* events for each entity that the first query of a group reads at most */
#define EVENTS_AT_ONCE 1000 /* and that any query reads */
#define PAGE           500  /* events just before the number that are read at once */
#define USEFUL         16   /* the next page is read if one in so many was of use */

static bool
is_new(const struct past_change *c)
{
    return c->came || c->kind == EVENT_TASK_CREATED || c->kind == EVENT_ATTACHMENT_CREATED;
}

struct reading {
    struct past *p;
    const struct shape *shape; /* NULL: the document is not needed */
    struct past_state *out;
};

static enum err
note_state(void *arg, const struct event_item *item)
{
    const struct reading *s = arg;
    struct past_state *out = s->out;
    struct event_content content;
    char at[CLOCK_INSTANT];
    bson_t *public_doc;

    out->found = true;
    out->rev = item->rev;
    if (json_member(item->frame, item->len, "at", at, sizeof(at)))
        (void)clock_read(at, strlen(at), &out->at);
    out->has_actor = item->actor_id != NULL;
    if (out->has_actor)
        bson_oid_init_from_string(&out->actor, item->actor_id);
    if (s->shape == NULL || !event_content(item->frame, item->len, &content) ||
        content.data[0] != '{')
        return ERR_NONE;
    public_doc = bson_new_from_json((const uint8_t *)content.data, (ssize_t)content.data_len, NULL);
    if (public_doc != NULL)
        out->doc = doc_load(s->shape, public_doc);
    if (out->doc != NULL)
        request_keep(s->p->r, out->doc);
    bson_destroy(public_doc);
    return ERR_NONE;
}

/* ------------------------------------------------------------ reading the log for a group */

/* Handles an event of an entity that is waiting for it, and ends the waiting with the last one. */
typedef enum err (*walk_each)(struct past_group *g, struct past_entity *e,
                              const struct event_item *item);

/* Events of those entities of a group that are waiting, newest first. */
struct walk {
    struct past_group *g;
    int64_t before;
    walk_each each;
    int waiting, read;
};

static struct past_entity *
find_entity(struct past_group *g, const bson_oid_t *id)
{
    int low = 0, high = g->count;

    while (low < high) {
        int middle = low + (high - low) / 2, order = bson_oid_compare(&g->items[middle].id, id);

        if (order == 0)
            return &g->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static enum err
walk_event(void *arg, const struct event_item *item)
{
    struct walk *w = arg;
    struct past_entity *e;
    bson_oid_t id;
    enum err err;

    w->read++;
    w->before = item->seq;
    bson_oid_init_from_string(&id, item->entity_id);
    if ((e = find_entity(w->g, &id)) == NULL || !e->waiting)
        return ERR_NONE;
    err = w->each(w->g, e, item);
    w->waiting -= !e->waiting;
    return err == ERR_NONE && w->waiting == 0 ? ERR_NOT_FOUND : err; /* that is enough */
}

/* The next events of those that are still waiting. */
static enum err
walk_on(struct walk *w, int limit)
{
    struct past_group *g = w->g;
    const bson_oid_t *first = NULL;
    bson_t others = BSON_INITIALIZER;
    struct doc_array array = {&others, 0};
    struct event_history what = {
        .topic = g->p->topic, .before = w->before, .limit = limit, .also = &others};
    enum err err;

    for (int i = 0; i < g->count; i++) {
        if (!g->items[i].waiting)
            continue;
        if (first != NULL)
            doc_array_add_id(&array, &g->items[i].id);
        else
            first = &g->items[i].id;
    }
    what.entity = first;
    if (array.count == 0)
        what.also = NULL;
    w->read = 0;
    err = event_log_entity(g->p->r->store, &what, walk_event, w);
    bson_destroy(&others);
    return err;
}

/*
 * Reads the events before a number until nobody is waiting for more, or there are no more.  Each
 * query finds the newest event of at least one entity, and most find many: there are never more of
 * them than a query for each entity would need.
 */
static enum err
walk(struct past_group *g, int64_t before, walk_each each)
{
    struct walk w = {.g = g, .before = before, .each = each};
    int limit = 0, each_limit = FIRST_EVENTS;
    enum err err = ERR_NONE;

    for (int i = 0; i < g->count; i++)
        w.waiting += g->items[i].waiting;
    while (err == ERR_NONE && w.waiting > 0 && w.read == limit) {
        limit = w.waiting * each_limit < EVENTS_AT_ONCE ? w.waiting * each_limit : EVENTS_AT_ONCE;
        each_limit = each_limit < EVENTS_AT_ONCE ? each_limit * 4 : each_limit;
        err = walk_on(&w, limit);
    }
    for (int i = 0; i < g->count; i++)
        g->items[i].waiting = false;
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

/* ------------------------------------------------------------ the newest event up to the number */

/* A page of the log just before the number, newest first. */
struct page {
    struct past *p;
    int64_t last;
    uint32_t read, useful;
};

static enum err
note_recent(void *arg, const struct event_item *item)
{
    struct page *page = arg;
    struct past *p = page->p;
    struct past_change *c = past_change_of(p, item);
    struct reading s = {p, NULL, NULL};

    page->read++;
    page->last = item->seq;
    if (c == NULL || c->state != NULL || is_new(c))
        return ERR_NONE;
    page->useful++;
    s.shape = past_classes[c->class].shape;
    s.out = c->state = arena_alloc(p->r->arena, sizeof(*c->state));
    return note_state(&s, item);
}

/* The events from `last` back, at most PAGE. */
static enum err
read_page(struct page *page)
{
    struct request *r = page->p->r;
    bson_t *filter = request_keep(r, BCON_NEW("topic", BCON_UTF8(page->p->topic), "seq", "{", "$gt",
                                              BCON_INT64(page->last - PAGE - 1), "$lte",
                                              BCON_INT64(page->last - 1), "}"));
    bson_t *opts =
        request_keep(r, BCON_NEW("sort", "{", "topic", BCON_INT32(-1), "seq", BCON_INT32(-1), "}"));

    page->read = page->useful = 0;
    return event_log_find(r->store, filter, opts, note_recent, page);
}

/*
 * What has changed after the number has often changed shortly before it too: reading the log in one
 * piece is cheaper than looking for each entity, as long as there are many of them in it.
 */
enum err
past_recent(struct past *p)
{
    struct page page = {.p = p, .last = p->at + 1, .useful = PAGE};
    enum err err = ERR_NONE;

    while (err == ERR_NONE && page.last > 1 && page.useful >= PAGE / USEFUL)
        err = read_page(&page);
    return err;
}

static enum err
take_state(struct past_group *g, struct past_entity *e, const struct event_item *item)
{
    struct reading s = {g->p, past_classes[g->class].shape, &e->state};

    e->waiting = false;
    return note_state(&s, item);
}

enum err
past_group_states(struct past_group *g)
{
    enum err err;

    for (int i = 0; i < g->count; i++) {
        struct past_entity *e = &g->items[i];
        const struct past_change *c = e->change;

        e->is_new = c != NULL && is_new(c);
        if (c != NULL && c->state != NULL)
            e->state = *c->state;
        e->waiting = !e->is_new && !e->state.found;
    }
    err = walk(g, g->p->at + 1, take_state);
    for (int i = 0; i < g->count; i++)
        g->items[i].then = g->items[i].state.doc;
    return err;
}

struct past_group *
past_group_new(struct past *p, enum past_class class)
{
    struct past_group *g = arena_alloc(p->r->arena, sizeof(*g));

    g->p = p;
    g->class = class;
    arena_defer(p->r->arena, past_group_free, g);
    return g;
}

void
past_group_add(struct past_group *g, const bson_oid_t *id, struct past_change *change)
{
    g->items[g->count++] = (struct past_entity){.id = *id, .change = change};
}

struct past_entity *
past_group_find(struct past_group *g, const bson_oid_t *id)
{
    return find_entity(g, id);
}

void
past_group_free(void *group)
{
    struct past_group *g = group;

    for (int i = 0; i < g->count; i++) {
        bson_destroy(g->items[i].now);
        text_free(&g->items[i].untold);
        free(g->items[i].later);
    }
    g->count = 0;
}

enum err
past_member_version(struct past *p, int64_t rev, struct past_state *out)
{
    struct reading s = {p, NULL, out};
    bson_t *filter = request_keep(p->r, BCON_NEW("topic", BCON_UTF8(p->topic), "seq", "{", "$gt",
                                                 BCON_INT64(p->at - PAST_EVENTS), "$lte",
                                                 BCON_INT64(p->at), "}", "kind", "{", "$in", "[",
                                                 BCON_UTF8(event_rows[EVENT_MEMBER_ADDED].kind),
                                                 BCON_UTF8(event_rows[EVENT_MEMBER_UPDATED].kind),
                                                 BCON_UTF8(event_rows[EVENT_MEMBER_REMOVED].kind),
                                                 "]", "}", "rev", BCON_INT64(rev)));
    bson_t *opts = request_keep(p->r, BCON_NEW("sort", "{", "topic", BCON_INT32(-1), "seq",
                                               BCON_INT32(-1), "}", "limit", BCON_INT64(1)));

    *out = (struct past_state){.doc = NULL};
    return event_log_find(p->r->store, filter, opts, note_state, &s);
}

/* ------------------------------------------------------------ back from what it is now */

static void
add_field(struct text *fields, const char *name, size_t len)
{
    struct text quoted = {0};

    json_string(&quoted, name, len);
    if (fields->len == 0 || strstr(fields->bytes, quoted.bytes) == NULL) {
        text_puts(fields, fields->len > 0 ? "," : "");
        text_puts(fields, quoted.bytes);
    }
    text_free(&quoted);
}

/* Adds the names of fields whose values the log does not have. */
static void
add_untold(struct past_entity *e, const struct doc_reverted *was)
{
    for (int i = 0; i < was->untold_count; i++)
        add_field(&e->untold, was->untold[i], strcspn(was->untold[i], "/"));
}

static bson_t *
revert(struct past_group *g, struct past_entity *e, const bson_t *changes, bson_t *doc)
{
    bson_t set = BSON_INITIALIZER, *before;
    struct doc_reverted was = {.set = &set};

    doc_revert(past_classes[g->class].shape, changes, doc, &was);
    add_untold(e, &was);
    before = doc_merge(doc, &set);
    bson_destroy(&set);
    bson_destroy(doc);
    return before;
}

/* Takes back one event; they come newest first. */
static enum err
take_back(struct past_group *g, struct past_entity *e, const struct event_item *item)
{
    bson_t *changes;

    if (item->seq <= g->p->at) {
        e->waiting = false;
        return ERR_NONE;
    }
    if ((changes = past_changes(item)) == NULL) {
        for (const struct field *f = past_classes[g->class].shape->fields; f->name != NULL; f++)
            if (doc_is_public(f) && (f->flags & (MUST_SET | MAY_EDIT)) && !(f->flags & VIRTUAL))
                add_field(&e->untold, f->name, strlen(f->name));
        return ERR_NONE;
    }
    e->now = revert(g, e, changes, e->now);
    bson_destroy(changes);
    return ERR_NONE;
}

/* Who changed it last up to the number, and when; if the log no longer has that, who created it. */
static void
append_version(struct past_entity *e, const bson_t *doc, bson_t *set)
{
    const struct past_state *state = &e->state;
    const bson_oid_t *by = doc_id(doc, "createdBy");
    int64_t at = 0;

    if (state->found && state->has_actor) {
        BSON_APPEND_DATE_TIME(set, "updatedAt", state->at);
        BSON_APPEND_OID(set, "updatedBy", &state->actor);
        return;
    }
    doc_time(doc, "createdAt", &at);
    BSON_APPEND_DATE_TIME(set, "updatedAt", at);
    if (by != NULL)
        BSON_APPEND_OID(set, "updatedBy", by);
    add_field(&e->untold, "updatedAt", 9);
    add_field(&e->untold, "updatedBy", 9);
}

/* Sets `then` to the document, which is destroyed, with its version. */
static void
finish(struct past_group *g, struct past_entity *e, int64_t rev, bson_t *doc)
{
    bson_t set = BSON_INITIALIZER;

    BSON_APPEND_INT64(&set, "rev", rev);
    append_version(e, doc, &set);
    e->then = request_keep(g->p->r, doc_merge(doc, &set));
    bson_destroy(&set);
    bson_destroy(doc);
    if (e->untold.len > 0)
        past_omit(g->p, g->class, &e->id, e->untold.bytes);
}

static bool
is_rebuilt(const struct past_entity *e)
{
    return !e->is_new && e->then == NULL && e->now != NULL && e->change != NULL;
}

enum err
past_group_rebuild(struct past_group *g)
{
    enum err err;

    for (int i = 0; i < g->count; i++)
        g->items[i].waiting = is_rebuilt(&g->items[i]);
    err = walk(g, g->p->head + 1, take_back);
    for (int i = 0; err == ERR_NONE && i < g->count; i++) {
        struct past_entity *e = &g->items[i];
        bson_t *doc = e->now;

        if (!is_rebuilt(e))
            continue;
        e->now = NULL;
        e->rebuilt = true;
        finish(g, e, e->change->rev - 1, doc);
    }
    return err;
}

/* ------------------------------------------------------------ forward from an older document */

/* An event up to the number: keeps what it changed, until one has the document. */
static enum err
note_earlier(struct past_group *g, struct past_entity *e, const struct event_item *item)
{
    struct past_state state = {.doc = NULL};
    struct reading s = {g->p, past_classes[g->class].shape, &state};
    enum err err = note_state(&s, item);
    bson_t *changes;

    e->base = state.doc;
    e->waiting = err == ERR_NONE && e->base == NULL;
    if (!e->waiting)
        return err;
    changes = past_changes(item);
    if (changes == NULL || bson_has_field(changes, "projectId") || e->later_count == PAST_EVENTS) {
        e->waiting = false; /* it cannot be known */
    } else {
        e->later = vec_room(e->later, e->later_count, &e->later_room, sizeof(*e->later));
        e->later[e->later_count] = request_keep(g->p->r, bson_new());
        doc_revert_swap(changes, e->later[e->later_count++]);
        arena_charge(g->p->r->arena, e->later[e->later_count - 1]->len);
    }
    bson_destroy(changes);
    return ERR_NONE;
}

enum err
past_group_replay(struct past_group *g)
{
    enum err err;

    for (int i = 0; i < g->count; i++)
        g->items[i].waiting = g->items[i].state.found && g->items[i].then == NULL;
    err = walk(g, g->p->at + 1, note_earlier);
    for (int i = 0; err == ERR_NONE && i < g->count; i++) {
        struct past_entity *e = &g->items[i];
        bson_t *doc = e->base == NULL ? NULL : bson_copy(e->base);

        for (uint32_t n = e->later_count; doc != NULL && n > 0; n--)
            doc = revert(g, e, e->later[n - 1], doc);
        if (doc != NULL)
            finish(g, e, e->state.rev, doc);
    }
    return err;
}
