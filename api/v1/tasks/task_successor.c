/*
 * The task that follows a completed one: creating it with its subtasks, and taking it back.
 */
#include <string.h>

#include "api/access/project_access.h"
#include "api/crud/entity.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "api/v1/tasks/subscriptions.h"
#include "api/v1/tasks/task_copy.h"
#include "api/v1/tasks/task_recurrence.h"
#include "api/v1/tasks/tasks.h"

/* --- Creating it --------------------------------------------------------------- */

struct copying {
    struct request *r;
    struct task_copy to;
    const bson_t *task;      /* the one that was completed */
    struct doc_array *pairs; /* of ids: each task's, and its copy's */
};

/* The checklist with nothing done. */
static void
append_checklist(const bson_t *task, bson_t *set)
{
    bson_t list, item, undone = BSON_INITIALIZER;
    bson_iter_t iter, items;

    BSON_APPEND_BOOL(&undone, "done", false);
    BSON_APPEND_ARRAY_BEGIN(set, "checklist", &list);
    if (bson_iter_init_find(&iter, task, "checklist") && bson_iter_recurse(&iter, &items))
        while (bson_iter_next(&items)) {
            const uint8_t *bytes;
            uint32_t len;
            bson_t *merged;

            bson_iter_document(&items, &len, &bytes);
            if (!bson_init_static(&item, bytes, len))
                continue;
            merged = doc_merge(&item, &undone);
            bson_append_document(&list, bson_iter_key(&items), -1, merged);
            bson_destroy(merged);
        }
    bson_append_array_end(set, &list);
    bson_destroy(&undone);
}

/* Stores a copy with the fields in set.  Nobody is notified that the copy is assigned to them. */
static enum err
insert_copy(const struct copying *c, const bson_t *task, bson_t *set)
{
    const bson_t *copy;
    enum err err;

    BSON_APPEND_OID(set, "createdBy", doc_id(task, "createdBy"));
    append_checklist(task, set);
    err = task_copy_insert(&c->to, task, set, &copy);
    if (err != ERR_NONE)
        return err;
    doc_array_add_id(c->pairs, doc_id(task, "_id"));
    doc_array_add_id(c->pairs, doc_id(copy, "_id"));
    return ERR_NONE;
}

/* Subtasks that are part of a series have a successor of their own. */
static enum err
copy_subtasks(const struct copying *c, const struct task_shift *shift)
{
    struct task_copy_subtasks *s = arena_alloc(c->r->arena, sizeof(*s));
    enum err err = task_copy_find_subtasks(c->r, doc_id(c->task, "_id"), s);

    if (err == ERR_NONE && s->count > TASK_COPY_SUBTASKS)
        return request_fail(c->r, ERR_CONFLICT,
                            "a task with more than %d subtasks cannot recur; set its recurrence to "
                            "null first",
                            TASK_COPY_SUBTASKS);
    for (int i = 0; err == ERR_NONE && i < s->count; i++) {
        bson_t *set = request_keep(c->r, bson_new());

        if (doc_has(s->docs[i], "nextId"))
            continue;
        BSON_APPEND_OID(set, "parentId", doc_id(c->task, "nextId"));
        BSON_APPEND_NULL(set, "previousId");
        task_shift_dates(c->r, shift, s->docs[i], set);
        err = insert_copy(c, s->docs[i], set);
    }
    return err;
}

/* The task's parent, if it is still there. */
static enum err
append_parent(const struct copying *c, bson_t *set)
{
    const bson_oid_t *id = doc_id(c->task, "parentId");
    const bson_t *parent;
    enum err err = id == NULL ? ERR_NOT_FOUND : request_fetch(c->r, STORE_TASKS, id, &parent);

    if (err == ERR_NONE && !doc_has(parent, "deletedAt"))
        BSON_APPEND_OID(set, "parentId", id);
    else
        BSON_APPEND_NULL(set, "parentId");
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

static enum err
create(const struct copying *c)
{
    bson_t *set = request_keep(c->r, bson_new());
    struct task_series s;
    struct due next;
    int count;
    struct task_shift shift;
    enum err err;

    if (!task_series_read(c->task, &s) ||
        !task_series_next(&s, change_now(c->to.change), &next, &count))
        return ERR_INTERNAL; /* the rules have found it */
    shift = task_shift_of(&s, &next);
    BSON_APPEND_OID(set, "_id", doc_id(c->task, "nextId"));
    BSON_APPEND_OID(set, "previousId", doc_id(c->task, "_id"));
    task_series_move(c->r, c->task, &next, count, set);
    if ((err = append_parent(c, set)) != ERR_NONE ||
        (err = insert_copy(c, c->task, set)) != ERR_NONE ||
        (err = copy_subtasks(c, &shift)) != ERR_NONE)
        return err;
    return subscriptions_queue_copies(c->to.change, c->pairs->bson);
}

/* --- Taking it back --------------------------------------------------------------- */

/* The successor and its subtasks; ERR_NOT_FOUND if it has been purged. */
static enum err
find_successor(struct request *r, const bson_t *task, const bson_t **out,
               struct task_copy_subtasks *s)
{
    enum err err = request_fetch(r, STORE_TASKS, doc_id(task, "nextId"), out);

    return err == ERR_NONE ? task_copy_find_subtasks(r, doc_id(*out, "_id"), s) : err;
}

/* Is a task as it was created, together with the successor? */
static bool
is_as_created(const bson_t *task, const bson_t *successor)
{
    int64_t a = 0, b = 0;

    doc_time(task, "createdAt", &a);
    doc_time(successor, "createdAt", &b);
    return doc_int(task, "rev") == 1 && a == b;
}

enum err
task_successor_untouched(struct request *r, const bson_t *task, bool *untouched)
{
    struct task_copy_subtasks *s = arena_alloc(r->arena, sizeof(*s));
    const bson_t *next;
    bson_t *newer, *found;
    int64_t created = 0;
    enum err err = find_successor(r, task, &next, s);

    *untouched = false;
    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    *untouched = doc_int(next, "rev") == 1 && !doc_has(next, "deletedAt") &&
                 doc_int(next, "comments") == 0 && s->count <= TASK_COPY_SUBTASKS;
    for (int i = 0; i < s->count; i++)
        *untouched = *untouched && is_as_created(s->docs[i], next);
    doc_time(next, "createdAt", &created);
    newer = request_keep(r, BCON_NEW("taskId", BCON_OID(doc_id(next, "_id")), "createdAt", "{",
                                     "$gt", BCON_DATE_TIME(created), "}"));
    err = store_get(r->store, STORE_ATTACHMENTS, newer, NULL, &found);
    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    bson_destroy(found);
    *untouched = false;
    return ERR_NONE;
}

/* To the trash, from which it comes back without a series of its own. */
static enum err
trash(const struct copying *c, const bson_t *task)
{
    const struct entity_change e = {c->r, c->to.change, &tasks, c->to.topic};
    bson_t *set = request_keep(c->r, BCON_NEW("recurrence", BCON_NULL, "deletedAt",
                                              BCON_DATE_TIME(change_now(c->to.change))));
    const bson_t *stored;

    return entity_store(&e, EVENT_TASK_DELETED, task, request_keep(c->r, doc_merge(task, set)),
                        &stored);
}

static enum err
take_back(const struct copying *c, const bson_t *before)
{
    struct task_copy_subtasks *s = arena_alloc(c->r->arena, sizeof(*s));
    const bson_t *next;
    enum err err = find_successor(c->r, before, &next, s);

    if (err == ERR_NONE)
        err = trash(c, next);
    for (int i = 0; err == ERR_NONE && i < s->count; i++)
        err = trash(c, s->docs[i]);
    return err;
}

enum err
task_successor(struct request *r, struct change *change, const bson_t *before, const bson_t *after)
{
    const bson_oid_t *project = doc_id(after, "projectId");
    struct doc_array pairs = {request_keep(r, bson_new()), 0};
    struct copying c = {.r = r, .to = {.r = r, .change = change}, .task = after, .pairs = &pairs};
    bool had = doc_has(before, "nextId"), has = doc_has(after, "nextId");
    enum err err;

    if (had == has)
        return ERR_NONE;
    c.to.topic = change_topic(change, request_project_topic(r, project));
    if ((err = project_access(r, project, ACTION_WRITE, &c.to.project)) != ERR_NONE)
        return err;
    return has ? create(&c) : take_back(&c, before);
}
