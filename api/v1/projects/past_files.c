/*
 * A file that was renamed has its name from then, and so has one whose task is in another project
 * now.  One that was deleted is erased from the log too, wherever it was.
 */
#include "api/v1/projects/past_files.h"

#include <stdlib.h>
#include <string.h>

#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/projects/past_entity.h"
#include "common/base/vec.h"
#include "common/store/store.h"

/* Files whose state has to be found: ids, and what is known of a group of them. */
struct past_search {
    struct past *p;
    struct past_group *group;
    bson_oid_t *ids;
    uint32_t count, room;
    store_each each;
    void *arg;
};

static struct past_change *
task_of(const struct past *p, const bson_t *file)
{
    struct past_change *task = past_find(p, PAST_TASK, doc_id(file, "taskId"));

    return task != NULL && task->kind == EVENT__COUNT ? NULL : task;
}

bool
past_files_unchanged(const struct past *p, const bson_t *file)
{
    const struct past_change *task = task_of(p, file);

    return past_find(p, PAST_ATTACHMENT, doc_id(file, "_id")) == NULL &&
           (task == NULL || (task->then != NULL && !task->left));
}

/* ------------------------------------------------------------ which files */

static void
add(struct past_search *s, const bson_oid_t *id)
{
    s->ids = vec_room(s->ids, s->count, &s->room, sizeof(*s->ids));
    s->ids[s->count++] = *id;
}

static enum err
note_file(void *arg, const bson_t *file)
{
    struct past_search *s = arg;

    if (past_find(s->p, PAST_ATTACHMENT, doc_id(file, "_id")) == NULL)
        add(s, doc_id(file, "_id"));
    return ERR_NONE;
}

/* The files of tasks, wherever they are now. */
static enum err
find_of_tasks(struct past_search *s, const bson_t *ids)
{
    bson_t filter = BSON_INITIALIZER;
    enum err err;

    doc_in(&filter, "taskId", ids);
    BSON_APPEND_NULL(&filter, "deletedAt");
    err = store_find(s->p->r->store, &(struct store_query){STORE_ATTACHMENTS, &filter, NULL},
                     note_file, s);
    bson_destroy(&filter);
    return err;
}

/* Those of tasks that have left since, back now or not, since their files have no events here. */
static enum err
find_left(struct past_search *s)
{
    struct past_change *tasks;
    uint32_t count = past_class(s->p, PAST_TASK, &tasks);
    enum err err = ERR_NONE;

    for (uint32_t i = 0; err == ERR_NONE && i < count;) {
        bson_t ids = BSON_INITIALIZER;
        struct doc_array array = {&ids, 0};

        for (; i < count && array.count < PAST_GROUP; i++)
            if (tasks[i].left && tasks[i].then != NULL)
                doc_array_add_id(&array, &tasks[i].id);
        if (array.count > 0)
            err = find_of_tasks(s, &ids);
        bson_destroy(&ids);
    }
    return err;
}

/* ------------------------------------------------------------ how they were */

/*
 * A file of the group that still exists.  One of which the log says nothing stays as it is, if it
 * was there.
 */
static enum err
note_now(void *arg, const bson_t *file)
{
    struct past_search *s = arg;
    struct past_entity *e = past_group_find(s->group, doc_id(file, "_id"));
    const struct past_change *task = task_of(s->p, file);
    bool here = bson_oid_equal(doc_id(file, "projectId"), s->p->id);
    int64_t made = 0;

    if (e == NULL || e->is_new || (task != NULL && task->then == NULL))
        return ERR_NONE;
    if (e->then != NULL)
        return s->each(s->arg, e->then);
    doc_time(file, "createdAt", &made);
    if (task != NULL && task->left && made >= task->left_at)
        return ERR_NONE; /* it was attached elsewhere, later */
    if (here && e->change != NULL)
        e->now = bson_copy(file);
    else if (!here)
        past_omit(s->p, PAST_ATTACHMENT, &e->id, "");
    else
        past_omit(s->p, PAST_ATTACHMENT, &e->id, "\"name\"");
    return here && e->change == NULL ? s->each(s->arg, file) : ERR_NONE;
}

static enum err
find_group(struct past_search *s)
{
    struct past_group *g = s->group;
    bson_t filter = BSON_INITIALIZER, ids = BSON_INITIALIZER;
    struct doc_array array = {&ids, 0};
    enum err err = past_group_states(g);

    for (int i = 0; i < g->count; i++)
        doc_array_add_id(&array, &g->items[i].id);
    doc_in(&filter, "_id", &ids);
    BSON_APPEND_NULL(&filter, "deletedAt");
    if (err == ERR_NONE)
        err = store_find(s->p->r->store, &(struct store_query){STORE_ATTACHMENTS, &filter, NULL},
                         note_now, s);
    if (err == ERR_NONE)
        err = past_group_rebuild(g);
    for (int i = 0; err == ERR_NONE && i < g->count; i++)
        if (g->items[i].rebuilt)
            err = s->each(s->arg, g->items[i].then);
    bson_destroy(&filter);
    bson_destroy(&ids);
    past_group_free(g);
    return err;
}

static void
free_search(void *arg)
{
    free(((struct past_search *)arg)->ids);
}

enum err
past_files_each(struct past *p, store_each each, void *arg)
{
    struct past_search *s = arena_alloc(p->r->arena, sizeof(*s));
    struct past_change *changes;
    uint32_t count = past_class(p, PAST_ATTACHMENT, &changes);
    enum err err;

    *s = (struct past_search){.p = p, .each = each, .arg = arg};
    s->group = past_group_new(p, PAST_ATTACHMENT);
    arena_defer(p->r->arena, free_search, s);
    for (uint32_t i = 0; i < count; i++)
        add(s, &changes[i].id);
    if ((err = find_left(s)) != ERR_NONE)
        return err;
    s->count = doc_ids_sort(s->ids, s->count);
    for (uint32_t i = 0; err == ERR_NONE && i < s->count; i++) {
        past_group_add(s->group, &s->ids[i], past_find(p, PAST_ATTACHMENT, &s->ids[i]));
        if (s->group->count == PAST_GROUP || i + 1 == s->count)
            err = find_group(s);
    }
    return err;
}
