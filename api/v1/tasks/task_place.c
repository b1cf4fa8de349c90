/*
 * The key of a task's new position in its project, and new keys for the tasks around it if keys
 * have grown long.
 */
#include "api/v1/tasks/tasks.h"

#include <string.h>

#include "api/crud/entity.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/schema/order_key.h"
#include "api/schema/order_place.h"
#include "api/v1/handlers.h"

/* One side of the position, nearest first. */
struct side {
    bson_oid_t ids[ORDER_SIDE_MAX + 1];
    const char *keys[ORDER_SIDE_MAX + 1];
    int count;
};

struct search {
    const struct task_place *place;
    struct request *r;
    const bson_t *other;
    struct side sides[2]; /* below and above */
};

static enum err
note(void *arg, const bson_t *task)
{
    struct side *side = arg;

    side->ids[side->count] = *doc_id(task, "_id");
    side->keys[side->count++] = doc_text(task, "position");
    return ERR_NONE;
}

struct noting {
    struct side *side;
    struct request *r;
};

static enum err
keep_and_note(void *arg, const bson_t *task)
{
    struct noting *n = arg;

    return note(n->side, request_keep(n->r, bson_copy(task)));
}

/* order_nearest: the tasks on one side of the position, without the one that moves. */
static enum err
nearest(void *arg, bool above, int limit, const char **keys, int *count)
{
    struct search *s = arg;
    const struct task_place *p = s->place;
    struct side *side = &s->sides[above];
    struct noting noting = {side, s->r};
    bool with_other = above == p->before;
    const char *op = above ? (with_other ? "$gte" : "$gt") : (with_other ? "$lte" : "$lt");
    bson_t *filter = request_keep(s->r, BCON_NEW("projectId", BCON_OID(p->project), "position", "{",
                                                 op, BCON_UTF8(doc_text(s->other, "position")), "}",
                                                 "_id", "{", "$ne", BCON_OID(p->task), "}"));
    bson_t *opts = request_keep(s->r, BCON_NEW("sort", "{", "position", BCON_INT32(above ? 1 : -1),
                                               "}", "projection", "{", "position", BCON_BOOL(true),
                                               "}", "limit", BCON_INT64(limit)));
    enum err err;

    side->count = 0;
    err = with_other && limit == 1 ? note(side, s->other)
                                   : store_find(change_store(p->change),
                                                &(struct store_query){STORE_TASKS, filter, opts},
                                                keep_and_note, &noting);
    memcpy(keys, side->keys, sizeof(*keys) * (size_t)side->count);
    *count = side->count;
    return err;
}

/* Gives a neighbouring task another key: an ordinary change with its event. */
static enum err
set_key(struct search *s, const bson_oid_t *id, const char *key)
{
    const struct task_place *p = s->place;
    const struct entity_change e = {s->r, p->change, &tasks, p->topic};
    const bson_t *task, *stored;
    bson_t *set = request_keep(s->r, BCON_NEW("position", BCON_UTF8(key)));
    enum err err = request_fetch(s->r, STORE_TASKS, id, &task);

    if (err != ERR_NONE)
        return err;
    return entity_store(&e, EVENT_TASK_UPDATED, task, request_keep(s->r, doc_merge(task, set)),
                        &stored);
}

static enum err
set_keys(struct search *s, const struct order_place *found)
{
    enum err err = ERR_NONE;

    for (int i = 0; err == ERR_NONE && i < found->below; i++)
        err = set_key(s, &s->sides[0].ids[i], found->keys[found->below - 1 - i].bytes);
    for (int i = 0; err == ERR_NONE && i < found->above; i++)
        err = set_key(s, &s->sides[1].ids[i], found->keys[found->below + 1 + i].bytes);
    return err;
}

enum err
task_place_key(struct request *r, const struct task_place *place, const bson_t *other,
               struct text *key)
{
    struct search *s = arena_alloc(r->arena, sizeof(*s));
    struct order_place *found = arena_alloc(r->arena, sizeof(*found));
    struct text end = {0};
    const char *above;
    int count;
    enum err err;

    *s = (struct search){.place = place, .r = r, .other = other};
    order_key_last(&end, change_seq(place->change, place->topic));
    err = nearest(s, true, 1, &above, &count);
    if (err == ERR_NONE && count == 0) { /* after the last task is the end */
        text_puts(key, end.bytes);
    } else if (err == ERR_NONE) {
        err = order_place_find(nearest, s, end.bytes, found);
        if (err == ERR_NONE && (err = set_keys(s, found)) == ERR_NONE)
            text_puts(key, found->keys[found->below].bytes);
        order_place_free(found);
    }
    text_free(&end);
    return err;
}
