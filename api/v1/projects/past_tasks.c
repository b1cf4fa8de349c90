/*
 * The tasks that have changed since, as they were, and what this means for the counters of others:
 * a task's subtasks are counted in it, but have events of their own.
 */
#include "api/v1/projects/past_tasks.h"

#include <stdlib.h>
#include <string.h>

#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/projects/past_entity.h"
#include "common/base/vec.h"
#include "common/store/store.h"

/* Subtasks that a task had more then than it has now. */
struct past_more {
    bson_oid_t id;
    int64_t done, total;
};

/* A version of a subtask adds this many times to what its parent had more. */
static void
add_subtask(struct past_tasks *t, const bson_t *task, int times)
{
    const bson_oid_t *parent = past_is_living(task) ? doc_id(task, "parentId") : NULL;

    if (parent == NULL)
        return;
    t->more = vec_room(t->more, t->more_count, &t->more_room, sizeof(*t->more));
    t->more[t->more_count++] =
        (struct past_more){*parent, doc_has(task, "completedAt") ? times : 0, times};
}

static int
compare_more(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(bson_oid_t)); /* the id comes first */
}

/* Sums up what belongs to the same parent. */
static void
sum_more(struct past_tasks *t)
{
    uint32_t kept = 0;

    if (t->more_count > 0)
        qsort(t->more, t->more_count, sizeof(*t->more), compare_more);
    for (uint32_t i = 0; i < t->more_count; i++) {
        struct past_more *last = kept > 0 ? &t->more[kept - 1] : NULL;

        if (last != NULL && bson_oid_equal(&last->id, &t->more[i].id)) {
            last->done += t->more[i].done;
            last->total += t->more[i].total;
        } else {
            t->more[kept++] = t->more[i];
        }
    }
    t->more_count = kept;
}

/* Tasks of a group while they are looked for. */
struct finding {
    struct past_tasks *tasks;
    struct past_group *group;
};

/* A task that has changed, as it is now. */
static enum err
note_now(void *arg, const bson_t *task)
{
    struct finding *f = arg;
    struct past_entity *e = past_group_find(f->group, doc_id(task, "_id"));
    struct past_change *c = e == NULL ? NULL : e->change;

    if (c == NULL || !bson_oid_equal(doc_id(task, "projectId"), f->group->p->id))
        return ERR_NONE;
    c->done = doc_int_at(task, "subtasks.done");
    c->total = doc_int_at(task, "subtasks.total");
    c->now_comments = doc_int(task, "comments");
    c->now_attachments = doc_int(task, "attachments");
    if (e->then == NULL && !c->left) /* one that was away has come back with other values */
        e->now = bson_copy(task);
    add_subtask(f->tasks, task, -1);
    return ERR_NONE;
}

static enum err
read_now(struct finding *f)
{
    bson_t filter = BSON_INITIALIZER, ids = BSON_INITIALIZER;
    struct doc_array array = {&ids, 0};
    enum err err;

    for (int i = 0; i < f->group->count; i++)
        doc_array_add_id(&array, &f->group->items[i].id);
    doc_in(&filter, "_id", &ids);
    err = store_find(f->group->p->r->store, &(struct store_query){STORE_TASKS, &filter, NULL},
                     note_now, f);
    bson_destroy(&filter);
    bson_destroy(&ids);
    return err;
}

static enum err
find_group(struct finding *f)
{
    struct past_group *g = f->group;
    enum err err = past_group_states(g);

    if (err != ERR_NONE || (err = read_now(f)) != ERR_NONE ||
        (err = past_group_rebuild(g)) != ERR_NONE || (err = past_group_replay(g)) != ERR_NONE)
        return err;
    for (int i = 0; i < g->count; i++) {
        struct past_entity *e = &g->items[i];

        e->change->then = e->then;
        add_subtask(f->tasks, e->then, 1);
        if (e->then == NULL && !e->is_new)
            past_omit(g->p, g->class, &e->id, "");
    }
    past_group_free(g);
    return ERR_NONE;
}

enum err
past_tasks_find(struct past_tasks *t)
{
    struct finding f = {t, past_group_new(t->past, PAST_TASK)};
    struct past_change *changes;
    uint32_t count = past_class(t->past, PAST_TASK, &changes);
    enum err err = ERR_NONE;

    for (uint32_t i = 0; err == ERR_NONE && i < count; i++) {
        if (changes[i].kind != EVENT__COUNT) /* else only its counters have changed */
            past_group_add(f.group, &changes[i].id, &changes[i]);
        if (f.group->count == PAST_GROUP)
            err = find_group(&f);
    }
    if (err == ERR_NONE && f.group->count > 0)
        err = find_group(&f);
    sum_more(t);
    return err;
}

/* ------------------------------------------------------------ counters */

static void
append_counters(bson_t *set, int64_t done, int64_t total)
{
    bson_t subtasks;

    BSON_APPEND_DOCUMENT_BEGIN(set, "subtasks", &subtasks);
    BSON_APPEND_INT64(&subtasks, "done", done);
    BSON_APPEND_INT64(&subtasks, "total", total);
    bson_append_document_end(set, &subtasks);
}

bson_t *
past_tasks_counted(const struct past_tasks *t, const bson_t *task)
{
    const struct past_change *c = past_find(t->past, PAST_TASK, doc_id(task, "_id"));
    const struct past_more none = {.total = 0}, *more = &none, key = {.id = *doc_id(task, "_id")};
    bool own = c != NULL && c->kind != EVENT__COUNT; /* it has changed itself */
    int64_t talk = own ? c->now_comments : doc_int(task, "comments");
    int64_t files = own ? c->now_attachments : doc_int(task, "attachments");
    int64_t done = own ? c->done : doc_int_at(task, "subtasks.done");
    int64_t total = own ? c->total : doc_int_at(task, "subtasks.total");
    bson_t set = BSON_INITIALIZER, *counted;

    if (t->more_count > 0 &&
        (more = bsearch(&key, t->more, t->more_count, sizeof(key), compare_more)) == NULL)
        more = &none;
    if (c != NULL && c->left) {
        talk = c->left_comments;
        files = c->left_attachments;
    }
    append_counters(&set, done + more->done, total + more->total);
    BSON_APPEND_INT64(&set, "comments", talk - (c == NULL ? 0 : c->comments));
    BSON_APPEND_INT64(&set, "attachments", files - (c == NULL ? 0 : c->attachments));
    counted = doc_merge(task, &set);
    bson_destroy(&set);
    return counted;
}

void
past_tasks_free(struct past_tasks *t)
{
    free(t->more);
    t->more = NULL;
    t->more_count = t->more_room = 0;
}
