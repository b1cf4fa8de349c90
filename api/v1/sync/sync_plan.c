/*
 * Reads the topics' numbers first, then the part of the log between the client's numbers and these.
 * The log has no gaps, so the number of events is known in advance, and a gap shows in the count:
 * then the whole topic is sent.
 */
#include "api/v1/sync/sync_plan.h"

#include <stdlib.h>
#include <string.h>

#include "api/access/read_access.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/change/cursor.h"
#include "common/change/event_find.h"
#include "common/store/store.h"

#define PROJECTS_MAX 5000                               /* per caller */
#define EVENTS_MAX   2000                               /* read for one reply */
#define ITEMS_MAX    ((2 + EVENT_COUNTED) * EVENTS_MAX) /* of these events */
#define WHOLE_MAX    20000 /* projects and tasks sent whole in one reply, and its last project */

const char *const sync_plan_entities[SYNC_KINDS] = {
    [SYNC_PROJECTS] = "project",
    [SYNC_MEMBERS] = "member",
    [SYNC_TASKS] = "task",
    [SYNC_COMMENTS] = "comment",
    [SYNC_ATTACHMENTS] = "attachment",
    [SYNC_NOTIFICATIONS] = "notification",
    [SYNC_FILTERS] = "filter",
    [SYNC_SUBSCRIPTIONS] = "subscription",
    [SYNC_JOBS] = "job",
};

bool
sync_plan_is_private(enum sync_kind kind)
{
    return kind == SYNC_FILTERS || kind == SYNC_JOBS;
}

static int
compare_topics(const void *a, const void *b)
{
    return bson_oid_compare(&((const struct sync_topic *)a)->id,
                            &((const struct sync_topic *)b)->id);
}

struct sync_topic *
sync_plan_topic(const struct sync_plan *p, const bson_oid_t *project)
{
    struct sync_topic key;

    bson_oid_copy(project, &key.id);
    return bsearch(&key, p->topics, (size_t)p->topic_count, sizeof(key), compare_topics);
}

static struct sync_topic *
topic_named(struct sync_plan *p, const char *name)
{
    bson_oid_t id;

    if (strcmp(name, p->own.name) == 0)
        return &p->own;
    if (!topic_is_project(name))
        return NULL;
    bson_oid_init_from_string(&id, topic_id(name));
    return sync_plan_topic(p, &id);
}

static int
compare_items(const void *a, const void *b)
{
    const struct sync_item *x = a, *y = b;
    int ids = x->kind == y->kind ? bson_oid_compare(&x->id, &y->id) : 0;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return ids != 0 ? ids : (x->topic > y->topic) - (x->topic < y->topic);
}

int
sync_plan_find(struct sync_plan *p, enum sync_kind kind, const bson_oid_t *id, int topic)
{
    struct sync_item key = {.kind = kind, .id = *id, .topic = -2};
    int low = 0, high = p->item_count, count = 0;

    while (low < high) { /* the first that is not before the key */
        int middle = low + (high - low) / 2;

        if (compare_items(&p->items[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (;
         low < p->item_count && p->items[low].kind == kind && bson_oid_equal(&p->items[low].id, id);
         low++) {
        if (topic == -2 || p->items[low].topic == topic) {
            p->items[low].found = true;
            count++;
        }
    }
    return count;
}

static enum err
note_project(void *arg, const bson_t *doc)
{
    struct sync_plan *p = arg;
    struct sync_topic *t = &p->topics[p->topic_count++];

    bson_oid_copy(doc_id(doc, "_id"), &t->id);
    topic_of_project(t->name, t->id.bytes);
    t->head = t->after = -1;
    return ERR_NONE;
}

static enum err
read_projects(struct sync_plan *p)
{
    struct request *r = p->r;
    bson_t *filter = request_keep(r, BCON_NEW("deletedAt", BCON_NULL));
    bson_t *opts = request_keep(r, BCON_NEW("projection", "{", "_id", BCON_BOOL(true), "}", "limit",
                                            BCON_INT64(PROJECTS_MAX)));
    enum err err;

    p->topics = arena_alloc(r->arena, PROJECTS_MAX * sizeof(*p->topics));
    read_access_projects(r, filter);
    err =
        store_find(r->store, &(struct store_query){STORE_PROJECTS, filter, opts}, note_project, p);
    qsort(p->topics, (size_t)p->topic_count, sizeof(*p->topics), compare_topics);
    return err;
}

static enum err
note_head(void *arg, const struct event_item *item)
{
    struct sync_topic *t = topic_named(arg, item->topic);

    if (t != NULL) {
        t->head = item->seq;
        t->tasks = item->counter;
    }
    return ERR_NONE;
}

static enum err
read_heads(struct sync_plan *p)
{
    const char **names = arena_alloc(p->r->arena, (size_t)(p->topic_count + 1) * sizeof(*names));

    for (int i = 0; i < p->topic_count; i++)
        names[i] = p->topics[i].name;
    names[p->topic_count] = p->own.name;
    return event_find_heads(p->r->store, names, p->topic_count + 1, note_head, p);
}

/* Reads the client's numbers from its cursor. */
static void
take_places(struct sync_plan *p, const struct cursor *since)
{
    char name[EVENT_TOPIC];

    p->lost = arena_alloc(p->r->arena, since->count * sizeof(*p->lost));
    for (uint32_t i = 0; i < since->count; i++) {
        struct sync_topic *t;

        cursor_topic(&since->places[i], name);
        t = topic_named(p, name);
        if (t != NULL)
            t->after = since->places[i].seq;
        else if (topic_is_project(name))
            bson_oid_init_from_string(&p->lost[p->lost_count++], topic_id(name));
    }
}

struct room {
    int64_t events, whole;
};

/* Decides what this reply sends of a topic, as far as there is room. */
static void
choose(struct sync_plan *p, struct sync_topic *t, struct room *room)
{
    t->upto = t->head < 0 ? 0 : t->head;
    if (t->head < 0) {
        t->state = SYNC_GONE;
    } else if (t->after < 0 || t->after > t->head) {
        t->state = room->whole > 0 ? SYNC_WHOLE : SYNC_WAITING;
        room->whole -= 1 + t->tasks;
    } else if (t->after < t->head) {
        if (t->head - t->after > room->events)
            t->upto = t->after + room->events;
        t->state = t->upto > t->after ? SYNC_CHANGED : SYNC_SAME;
        room->events -= t->upto - t->after;
    }
    p->more = p->more || t->state == SYNC_WAITING || t->upto < t->head;
}

static void
note_item(struct sync_plan *p, struct sync_topic *t, enum sync_kind kind, const char *id)
{
    struct sync_item *item = &p->items[p->item_count++];

    t->changed = t->changed || kind == SYNC_PROJECTS;
    t->members = t->members || kind == SYNC_MEMBERS;
    item->kind = kind;
    bson_oid_init_from_string(&item->id, id);
    item->topic = t == &p->own ? -1 : (int)(t - p->topics);
}

static enum err
note_event(void *arg, const struct event_item *event)
{
    struct sync_plan *p = arg;
    struct sync_topic *t = topic_named(p, event->topic);
    enum event_kind event_kind = event_kind_of(event->kind);
    char counted[ID_TEXT];

    if (t == NULL || t->state != SYNC_CHANGED || event->seq <= t->after || event->seq > t->upto)
        return ERR_NONE;
    t->found++;
    if (event_kind == EVENT__COUNT)
        return ERR_NONE; /* of a later version */
    for (enum sync_kind kind = 0; kind < SYNC_KINDS; kind++)
        /* The user's own topic repeats the memberships; these kinds are nowhere else. */
        if (strcmp(event_rows[event_kind].entity, sync_plan_entities[kind]) == 0 &&
            (t == &p->own) == (kind >= SYNC_NOTIFICATIONS))
            note_item(p, t, kind, event->entity_id);
    if (event_kind == EVENT_TASK_MOVED)
        note_item(p, t, SYNC_MOVED, event->entity_id);
    for (int i = 0; i < event->counted_count; i++) {
        bson_oid_to_string(&event->counted[i], counted);
        note_item(p, t, SYNC_TASKS, counted);
    }
    return ERR_NONE;
}

/* Sorts the items and removes duplicates. */
static void
merge_items(struct sync_plan *p)
{
    int count = 0;

    qsort(p->items, (size_t)p->item_count, sizeof(*p->items), compare_items);
    for (int i = 0; i < p->item_count; i++)
        if (count == 0 || compare_items(&p->items[count - 1], &p->items[i]) != 0)
            p->items[count++] = p->items[i];
    p->item_count = count;
}

static void
add_range(struct event_range *ranges, int *count, const struct sync_topic *t)
{
    if (t->state == SYNC_CHANGED)
        ranges[(*count)++] = (struct event_range){t->name, t->after, t->upto};
}

/* Topics whose events have a gap are sent whole. */
static void
check_dense(struct sync_topic *t)
{
    if (t->state == SYNC_CHANGED && t->found != t->upto - t->after) {
        t->state = SYNC_WHOLE;
        t->upto = t->head;
    }
}

static enum err
read_log(struct sync_plan *p)
{
    struct event_range *ranges =
        arena_alloc(p->r->arena, (size_t)(p->topic_count + 1) * sizeof(*ranges));
    int count = 0;
    enum err err;

    add_range(ranges, &count, &p->own);
    for (int i = 0; i < p->topic_count; i++)
        add_range(ranges, &count, &p->topics[i]);
    p->items = arena_alloc(p->r->arena, count == 0 ? 0 : ITEMS_MAX * sizeof(*p->items));
    if ((err = event_find_ranges(p->r->store, ranges, count, note_event, p)) != ERR_NONE)
        return err;
    check_dense(&p->own);
    for (int i = 0; i < p->topic_count; i++)
        check_dense(&p->topics[i]);
    merge_items(p);
    return ERR_NONE;
}

enum err
sync_plan_read(struct sync_plan *p, struct request *r, const char *since)
{
    struct room room = {EVENTS_MAX, WHOLE_MAX};
    struct cursor *places = arena_alloc(r->arena, sizeof(*places));
    enum err err;

    arena_defer(r->arena, cursor_free, places);
    *p = (struct sync_plan){.r = r, .own = {.head = -1, .after = -1}};
    topic_of_user(p->own.name, r->user_id.bytes);
    p->full = since == NULL || cursor_read(places, since, strlen(since), r->epoch) != CURSOR_OK ||
              !cursor_seq(places, p->own.name, &(int64_t){0});
    if ((err = read_projects(p)) != ERR_NONE || (err = read_heads(p)) != ERR_NONE)
        return err;
    if (!p->full)
        take_places(p, places);
    choose(p, &p->own, &room);
    for (int i = 0; i < p->topic_count; i++)
        choose(p, &p->topics[i], &room);
    return read_log(p);
}
