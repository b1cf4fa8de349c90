/*
 * The defaults are derived from the task; only states that users have set are documents.
 */
#include "api/v1/tasks/task_watchers.h"

#include <string.h>

#include "api/access/project_access.h"
#include "api/batch/operation.h"
#include "api/http/request.h"
#include "api/schema/doc.h"

#define TOLD_MS (86400 * 1000LL) /* for which it makes sense to notify watchers */

struct involved {
    bson_oid_t ids[TASK_WATCHERS_INVOLVED];
    int count;
    bool changed;
};

static void
involve(struct involved *v, const bson_oid_t *user)
{
    for (int i = 0; i < v->count; i++)
        if (bson_oid_equal(&v->ids[i], user))
            return;
    if (v->count == TASK_WATCHERS_INVOLVED)
        memmove(v->ids, v->ids + 1, (size_t)--v->count * sizeof(v->ids[0]));
    v->ids[v->count++] = *user;
    v->changed = true;
}

static void
involve_list(struct involved *v, const bson_t *doc, const char *name)
{
    bson_iter_t iter, list;

    if (bson_iter_init_find(&iter, doc, name) && bson_iter_recurse(&iter, &list))
        while (bson_iter_next(&list))
            involve(v, bson_iter_oid(&list));
}

bool
task_watchers_involve(const bson_t *task, const bson_t *comment, bson_t *set)
{
    struct involved v = {.count = 0};
    struct doc_array array;
    bson_t list;

    involve_list(&v, task, "involvedIds");
    v.changed = false;
    involve(&v, doc_id(comment, "createdBy"));
    involve_list(&v, comment, "mentions");
    if (!v.changed)
        return false;
    BSON_APPEND_ARRAY_BEGIN(set, "involvedIds", &list);
    array = (struct doc_array){&list, 0};
    for (int i = 0; i < v.count; i++)
        doc_array_add_id(&array, &v.ids[i]);
    bson_append_array_end(set, &list);
    return true;
}

bool
task_watchers_by_default(const bson_t *task, const bson_oid_t *user)
{
    return bson_oid_equal(doc_id(task, "createdBy"), user) ||
           doc_lists(task, "assigneeIds", user) || doc_lists(task, "involvedIds", user);
}

enum err
task_watchers_muted(struct store *store, const bson_oid_t *task, const bson_oid_t *user,
                    bool *muted)
{
    bson_t *which = BCON_NEW("taskId", BCON_OID(task), "userId", BCON_OID(user)), *doc;
    enum err err = store_get(store, STORE_SUBSCRIPTIONS, which, NULL, &doc);

    bson_destroy(which);
    *muted = false;
    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    *muted = strcmp(doc_text(doc, "state"), "muted") == 0;
    bson_destroy(doc);
    return ERR_NONE;
}

/* The states that users have set, and the watchers found so far. */
struct finding {
    struct arena *arena;
    struct task_watchers own, *out; /* own: who has set a state */
    uint32_t own_size, out_size;
};

static void
add(struct arena *arena, struct task_watchers *list, uint32_t *size, const bson_oid_t *user)
{
    if (list->count == *size) {
        uint32_t more = *size == 0 ? 16 : *size * 2;
        bson_oid_t *users = arena_alloc(arena, more * sizeof(*users));

        if (list->count > 0)
            memcpy(users, list->users, list->count * sizeof(*users));
        list->users = users;
        *size = more;
    }
    list->users[list->count++] = *user;
}

static bool
has(const struct task_watchers *list, const bson_oid_t *user)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (bson_oid_equal(&list->users[i], user))
            return true;
    return false;
}

static enum err
note_state(void *arg, const bson_t *doc)
{
    struct finding *f = arg;
    const bson_oid_t *user = doc_id(doc, "userId");

    add(f->arena, &f->own, &f->own_size, user);
    if (strcmp(doc_text(doc, "state"), "watching") == 0)
        add(f->arena, f->out, &f->out_size, user);
    return ERR_NONE;
}

static void
add_default(struct finding *f, const bson_oid_t *user)
{
    if (!has(&f->own, user) && !has(f->out, user))
        add(f->arena, f->out, &f->out_size, user);
}

enum err
task_watchers_find(struct request *r, const bson_t *task, struct task_watchers *out)
{
    static const char *const lists[] = {"assigneeIds", "involvedIds"};
    struct finding f = {.arena = r->arena, .out = out};
    bson_t *which = request_keep(r, BCON_NEW("taskId", BCON_OID(doc_id(task, "_id"))));
    bson_iter_t iter, list;
    enum err err;

    *out = (struct task_watchers){0};
    err = store_find(r->store, &(struct store_query){STORE_SUBSCRIPTIONS, which, NULL}, note_state,
                     &f);
    if (err != ERR_NONE)
        return err;
    add_default(&f, doc_id(task, "createdBy"));
    for (int i = 0; i < 2; i++)
        if (bson_iter_init_find(&iter, task, lists[i]) && bson_iter_recurse(&iter, &list))
            while (bson_iter_next(&list))
                add_default(&f, bson_iter_oid(&list));
    return ERR_NONE;
}

enum err
task_watchers_queue(struct request *r, struct change *change, enum job_kind kind,
                    const bson_oid_t *project, const bson_t *content)
{
    int64_t now = change_now(change);
    const bson_t *doc;
    enum err err = project_access(r, project, ACTION_READ, &doc);

    if (err != ERR_NONE || (access_members(doc) < 2 && access_open(doc) == ROLE_NONE))
        return err;
    return queue_job(change, kind, now, now + TOLD_MS, content);
}

enum err
task_watchers_status(struct request *r, struct change *change, const bson_t *before,
                     const bson_t *after)
{
    const bson_oid_t *project = doc_id(after, "projectId");
    const char *once = operation_tell_once(r->operation);
    bson_t *content;

    if (!doc_differs(before, after, "status") || doc_differs(before, after, "projectId"))
        return ERR_NONE;
    content = request_keep(r, BCON_NEW("taskId", BCON_OID(doc_id(after, "_id")), "status",
                                       BCON_UTF8(doc_text(after, "status")), "userId",
                                       BCON_OID(&r->user_id)));
    if (once != NULL)
        BSON_APPEND_UTF8(content, "once", once);
    return task_watchers_queue(r, change, JOB_STATUS_CHANGED, project, content);
}
