/*
 * POST /v1/tasks/{id}/duplicate: a copy of a task, with its files, in the same or another project.
 */
#include <stdlib.h>
#include <string.h>

#include "api/access/access.h"
#include "api/access/project_access.h"
#include "api/access/read_access.h"
#include "api/crud/entity.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/quotas.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "api/v1/tasks/project_statuses.h"
#include "api/v1/tasks/task_copy.h"
#include "api/v1/tasks/tasks.h"
#include "common/base/id.h"

#define FILES_MAX 200 /* that one request copies, so that the transaction stays short */

/* clang-format off */
static const struct field duplicate_fields[] = {
    {"projectId", REF,  MAY_SET | NULLABLE, .about = "the project of the copy; omitted: that of the task"},
    {"subtasks",  FLAG, MAY_SET,            .fallback = "false", .about = "copies its subtasks too, at most 100"},
    {NULL},
};
/* clang-format on */

const struct shape task_duplicate_shape = {"TaskDuplicate", duplicate_fields};

struct duplication {
    struct request *r;
    const bson_t *body;
    bson_oid_t id, from, to;
    const bson_t *source;      /* the project of the task */
    bson_t *labels, *statuses; /* of the same name in another project: {id: other id} */
    struct task_copy copy;
    int64_t files; /* copied, with those of the task that is next */
};

static bool
stays(const struct duplication *d)
{
    return bson_oid_equal(&d->from, &d->to);
}

/*
 * The status of the same name, or the same id, if it is an open one there; else the default of a
 * copy.
 */
static void
append_status(const struct duplication *d, const bson_t *task, bson_t *set)
{
    const char *status = doc_text(task, "status"), *same = doc_text(d->statuses, status);

    if (same != NULL)
        status = same;
    if (project_statuses_kind(d->copy.project, status) == 'o')
        BSON_APPEND_UTF8(set, "status", status);
}

/* In another project: labels of the same names, and no relations, since these stay within one. */
static void
append_lists(const struct duplication *d, const bson_t *task, bson_t *set)
{
    bson_t labels = BSON_INITIALIZER, none = BSON_INITIALIZER, added = BSON_INITIALIZER;
    struct doc_array array = {&labels, 0};
    bson_iter_t iter, list;

    if (stays(d))
        return;
    if (bson_iter_init_find(&iter, task, "labelIds") && bson_iter_recurse(&iter, &list))
        while (bson_iter_next(&list)) {
            const char *label = doc_text(d->labels, bson_iter_utf8(&list, NULL));

            if (label != NULL && !doc_has(&added, label)) {
                doc_array_add_text(&array, label);
                BSON_APPEND_BOOL(&added, label, true);
            }
        }
    BSON_APPEND_ARRAY(set, "labelIds", &labels);
    BSON_APPEND_ARRAY(set, "relations", &none);
    bson_destroy(&labels);
    bson_destroy(&none);
    bson_destroy(&added);
}

/* What is copied counts as written to the project, as if the client had sent it. */
static enum err
count_bytes(struct duplication *d, const bson_t *copy)
{
    struct change *change = d->copy.change;

    change_add_bytes(change, d->copy.topic, (int64_t)copy->len);
    return quotas_check(d->r, QUOTA_PROJECT_WRITTEN, change_bytes(change, d->copy.topic) - 1);
}

/* A copy with the fields in set; parent NULL: without one. */
static enum err
insert(struct duplication *d, const bson_t *task, const bson_oid_t *parent, bson_t *set,
       const bson_t **copy)
{
    enum err err;

    d->files += doc_int(task, "attachments");
    if (d->files > FILES_MAX)
        return request_fail(d->r, ERR_CONFLICT, "more than %d files cannot be copied at once",
                            FILES_MAX);
    BSON_APPEND_OID(set, "createdBy", &d->r->user_id);
    BSON_APPEND_NULL(set, "previousId");
    if (parent != NULL)
        BSON_APPEND_OID(set, "parentId", parent);
    else
        BSON_APPEND_NULL(set, "parentId");
    append_status(d, task, set);
    append_lists(d, task, set);
    err = task_copy_insert(&d->copy, task, set, copy);
    return err == ERR_NONE ? count_bytes(d, *copy) : err;
}

static int
compare_positions(const void *a, const void *b)
{
    return strcmp(doc_text(*(const bson_t *const *)a, "position"),
                  doc_text(*(const bson_t *const *)b, "position"));
}

/* At the end of the project, in their order.  Only the task itself is news to its assignees. */
static enum err
copy_subtasks(struct duplication *d, const bson_oid_t *parent)
{
    struct task_copy_subtasks *s = arena_alloc(d->r->arena, sizeof(*s));
    const bson_t *copy;
    enum err err = task_copy_find_subtasks(d->r, &d->id, s);

    if (err == ERR_NONE && s->count > TASK_COPY_SUBTASKS)
        return request_fail(d->r, ERR_CONFLICT, "more than %d subtasks cannot be copied at once",
                            TASK_COPY_SUBTASKS);
    if (s->count > 0)
        qsort(s->docs, (size_t)s->count, sizeof(s->docs[0]), compare_positions);
    d->copy.tells = false;
    for (int i = 0; err == ERR_NONE && i < s->count; i++)
        err = insert(d, s->docs[i], parent, request_keep(d->r, bson_new()), &copy);
    return err;
}

/* In its own project the copy comes after the task, and has its parent if that is still there. */
static enum err
append_place(struct duplication *d, const bson_t *task, bson_t *set, const bson_oid_t **parent)
{
    const struct task_place place = {d->copy.change, d->copy.topic, &d->to, doc_id(set, "_id"),
                                     false};
    const bson_oid_t *id = doc_id(task, "parentId");
    struct text key = {0};
    const bson_t *found;
    enum err err = ERR_NONE;

    if (!stays(d))
        return ERR_NONE;
    if (id != NULL && (err = request_fetch(d->r, STORE_TASKS, id, &found)) == ERR_NONE &&
        !doc_has(found, "deletedAt"))
        *parent = id;
    if (err != ERR_NONE && err != ERR_NOT_FOUND)
        return err;
    if ((err = task_place_key(d->r, &place, task, &key)) == ERR_NONE)
        BSON_APPEND_UTF8(set, "position", key.bytes);
    text_free(&key);
    return err;
}

/* The task, if the caller may read it and write where the copy goes, and what its lists become
 * there. */
static enum err
check(struct duplication *d, const bson_t **task)
{
    struct request *r = d->r;
    enum err err;

    if ((err = project_access(r, &d->from, ACTION_READ, &d->source)) != ERR_NONE ||
        (err = project_access(r, &d->to, ACTION_WRITE, &d->copy.project)) != ERR_NONE ||
        (err = request_fetch(r, STORE_TASKS, &d->id, task)) != ERR_NONE)
        return err;
    if (!bson_oid_equal(doc_id(*task, "projectId"), &d->from))
        return ERR_BUSY; /* moved since the look-up: the client may try again */
    if (doc_has(*task, "deletedAt") || doc_has(d->source, "deletedAt") ||
        doc_has(d->copy.project, "deletedAt"))
        return ERR_NOT_FOUND;
    d->labels = request_keep(r, bson_new());
    d->statuses = request_keep(r, bson_new());
    if (!stays(d)) {
        project_statuses_match(d->source, d->copy.project, "labels", d->labels);
        project_statuses_match(d->source, d->copy.project, "statuses", d->statuses);
    }
    return ERR_NONE;
}

static enum err
duplicate(struct change *change, void *arg)
{
    struct duplication *d = arg;
    struct request *r = d->r;
    bson_t *set = request_keep(r, bson_new());
    const bson_oid_t *parent = NULL;
    const bson_t *task, *copy;
    bson_oid_t id;
    char hex[ID_TEXT];
    enum err err;

    d->files = 0;
    d->copy = (struct task_copy){.r = r, .change = change, .tells = true, .creator = &r->user_id};
    d->copy.topic = change_topic(change, request_project_topic(r, &d->to));
    bson_oid_init(&id, NULL);
    BSON_APPEND_OID(set, "_id", &id);
    if ((err = check(d, &task)) != ERR_NONE ||
        (err = append_place(d, task, set, &parent)) != ERR_NONE ||
        (err = insert(d, task, parent, set, &copy)) != ERR_NONE ||
        (doc_flag(d->body, "subtasks") && (err = copy_subtasks(d, &id)) != ERR_NONE) ||
        (err = request_fetch(r, STORE_TASKS, &id, &copy)) != ERR_NONE) /* with its counters */
        return err;
    bson_oid_to_string(&id, hex);
    r->reply.location = arena_printf(r->arena, "%s%s", tasks.path, hex);
    return entity_reply(r, 201, &tasks, copy);
}

enum err
tasks_duplicate(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    struct duplication d = {.r = r, .body = body};
    struct change_plan plan = {.topic_count = 1, .fn = duplicate, .arg = &d, .reads = STORE_TASKS};
    const bson_t *task;
    enum err err;

    if ((err = request_id_arg(r, 0, &d.id)) != ERR_NONE ||
        (err = doc_read(r, DOC_CREATE, duplicate_fields, r->json, body)) != ERR_NONE ||
        /* Before anything about the target is revealed: may the caller see the task at all? */
        (err = read_access_find(r, STORE_TASKS, &d.id, &task)) != ERR_NONE)
        return err;
    d.from = d.to = *doc_id(task, "projectId");
    if (doc_has(body, "projectId"))
        d.to = *doc_id(body, "projectId");
    plan.topics[0] = request_project_topic(r, &d.to);
    plan.read_id = &d.id;
    return request_change(r, &plan);
}
