/*
 * /v1/tasks/{id}/move: a new position, status or project.
 */
#include "api/v1/tasks/tasks.h"

#include <string.h>

#include "api/access/access.h"
#include "api/access/project_access.h"
#include "api/access/read_access.h"
#include "api/crud/entity.h"
#include "api/crud/field_base.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/quotas.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/schema/order_key.h"
#include "api/v1/handlers.h"
#include "api/v1/tasks/task_transfer.h"

/* clang-format off */
static const struct field move_fields[] = {
    {"projectId", REF,  MAY_SET | NULLABLE, .about = "the project to move it to; omitted to stay"},
    {"status",    SLUG, MAY_SET | NULLABLE},
    {"before",    REF,  MAY_SET | NULLABLE, .about = "the task it is placed before"},
    {"after",     REF,  MAY_SET | NULLABLE, .about = "or the task it is placed after; with neither it goes to the end"},
    {NULL},
};
/* clang-format on */

const struct shape move_shape = {"Move", move_fields};

struct move {
    struct request *r;
    const bson_t *body, *status; /* status: {status}, if it is given */
    bson_oid_t id, from, to;
    int to_topic;                   /* its index in the plan */
    struct task_transfer *transfer; /* NULL: within its project */
};

/* The key of the position in the body. */
static enum err
new_position(struct move *m, struct change *change, struct text *key)
{
    bool before = doc_has(m->body, "before");
    const char *name = before ? "before" : "after";
    struct task_place place = {change, m->to_topic, &m->to, &m->id, before};
    const bson_t *other;
    enum err err;

    if (!doc_has(m->body, name)) {
        order_key_last(key, change_seq(change, m->to_topic));
        return ERR_NONE;
    }
    err = request_fetch(m->r, STORE_TASKS, doc_id(m->body, name), &other);
    if (err == ERR_NOT_FOUND ||
        (err == ERR_NONE && (!bson_oid_equal(doc_id(other, "projectId"), &m->to) ||
                             bson_oid_equal(doc_id(other, "_id"), &m->id)))) {
        request_complain(m->r, before ? "/before" : "/after", "not-found",
                         "must be another task of the same project");
        return ERR_INVALID;
    }
    return err == ERR_NONE ? task_place_key(m->r, &place, other, key) : err;
}

/* The task as it will be stored. */
static enum err
new_version(struct move *m, const struct entity_change *e, const bson_t *project,
            const bson_t *before, bson_t **out)
{
    struct request *r = m->r;
    bson_t *set = request_keep(r, bson_new());
    struct text key = {0};
    enum err err = new_position(m, e->change, &key);

    if (err == ERR_NONE)
        BSON_APPEND_UTF8(set, "position", key.bytes);
    text_free(&key);
    if (err != ERR_NONE)
        return err;
    if (m->transfer != NULL) {
        if ((err = task_transfer_begin(m->transfer)) != ERR_NONE ||
            (err = quotas_check(r, QUOTA_PROJECT_TASKS, change_counter(e->change) - 1)) != ERR_NONE)
            return err;
        BSON_APPEND_INT64(set, "number", change_counter(e->change));
        BSON_APPEND_NULL(set, "parentId");
        task_transfer_fields(m->transfer, before, set);
    }
    set = request_keep(r, doc_merge(set, m->status));
    *out = request_keep(r, doc_merge(before, set));
    return entity_apply_rules(e, project, before, out);
}

/* Checks If-Match, or Base-Rev for what the move changes. */
static enum err
check_version(struct move *m, const struct entity_change *e, const bson_t *source,
              const bson_t *before)
{
    struct field_names names = {{"position"}, 1};
    const char *status = doc_text(m->body, "status");
    enum err err =
        entity_precondition(m->r, before, doc_flag(source, "requireIfMatch"), entity_write_own);

    if (status != NULL && strcmp(status, doc_text(before, "status")) != 0)
        field_names_add(&names, "status");
    if (!bson_oid_equal(&m->from, &m->to))
        field_names_add(&names, "projectId");
    return err == ERR_NONE ? field_base_check(e, before, &names) : err;
}

/* A move to another project is more than one within it. */
static void
begin_transfer(struct move *m, struct change *change, const bson_t *source, const bson_t *target,
               const bson_t *task)
{
    m->transfer = NULL;
    m->r->dropped = NULL;
    if (bson_oid_equal(&m->from, &m->to))
        return;
    m->transfer = arena_alloc(m->r->arena, sizeof(*m->transfer));
    *m->transfer = (struct task_transfer){.r = m->r,
                                          .change = change,
                                          .from_topic = 1 - m->to_topic,
                                          .to_topic = m->to_topic,
                                          .from = source,
                                          .to = target,
                                          .task = task};
}

/* The task, and after a move to another project what was lost. */
static enum err
reply_moved(struct move *m, const bson_t *task)
{
    struct request *r = m->r;
    const char *dropped;
    bool any;

    if (m->transfer == NULL)
        return entity_reply(r, 200, &tasks, task);
    dropped = task_transfer_dropped(m->transfer, &any);
    r->dropped = any ? dropped : NULL;
    doc_write_with(reply_json(r, 200), &task_shape, task,
                   arena_printf(r->arena, ",\"dropped\":%s", dropped));
    reply_etag(r, task);
    return ERR_NONE;
}

static enum err
move_task(struct change *change, void *arg)
{
    struct move *m = arg;
    struct request *r = m->r;
    const struct entity_change e = {r, change, &tasks, m->to_topic};
    const bson_t *source, *target, *before, *stored;
    bson_t *after;
    enum err err;

    if ((err = project_access(r, &m->from, ACTION_WRITE, &source)) != ERR_NONE ||
        (err = project_access(r, &m->to, ACTION_WRITE, &target)) != ERR_NONE ||
        (err = request_fetch(r, STORE_TASKS, &m->id, &before)) != ERR_NONE)
        return err;
    if (!bson_oid_equal(doc_id(before, "projectId"), &m->from))
        return ERR_BUSY; /* moved since the look-up: the client may try again */
    if (doc_has(before, "deletedAt") || doc_has(source, "deletedAt") ||
        doc_has(target, "deletedAt"))
        return ERR_NOT_FOUND;
    begin_transfer(m, change, source, target, before);
    if ((err = check_version(m, &e, source, before)) != ERR_NONE ||
        (err = new_version(m, &e, target, before, &after)) != ERR_NONE)
        return err;
    /* The subtasks first: if the task recurs and is completed, copies of them are made there. */
    if (m->transfer != NULL && (err = task_transfer_rest(m->transfer)) != ERR_NONE)
        return err;
    err = entity_store(&e, EVENT_TASK_MOVED, before, after, &stored);
    if (err == ERR_NONE && m->transfer != NULL)
        err = task_transfer_tell(m->transfer, before, stored, true);
    return err == ERR_NONE ? reply_moved(m, stored) : err;
}

/* Plans one topic, or two in the order of their names. */
static void
plan_topics(struct move *m, struct change_plan *plan)
{
    const char *from = request_project_topic(m->r, &m->from),
               *to = request_project_topic(m->r, &m->to);
    bool first = strcmp(from, to) < 0;

    plan->topics[0] = to;
    plan->topic_count = 1;
    plan->read_id = &m->id;
    plan->reads = STORE_TASKS;
    plan->batched = bson_oid_equal(&m->from, &m->to);
    if (plan->batched)
        return;
    plan->topics[0] = first ? from : to;
    plan->topics[1] = first ? to : from;
    plan->topic_count = 2;
    m->to_topic = first ? 1 : 0;
    plan->counter = true;
    plan->counter_topic = m->to_topic;
}

enum err
tasks_move(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    bson_t *status = request_keep(r, bson_new());
    struct move m = {.r = r, .body = body, .status = status};
    struct change_plan plan = {.fn = move_task, .arg = &m};
    const bson_t *task;
    enum err err;

    if ((err = request_id_arg(r, 0, &m.id)) != ERR_NONE ||
        (err = doc_read(r, DOC_CREATE, move_fields, r->json, body)) != ERR_NONE)
        return err;
    if (doc_has(body, "before") && doc_has(body, "after")) {
        request_complain(r, "/after", "exclusive", "cannot be combined with before");
        return ERR_INVALID;
    }
    if (doc_has(body, "status"))
        BSON_APPEND_UTF8(status, "status", doc_text(body, "status"));
    /* First, before anything about the target is revealed: may the caller see the task at all? */
    err = read_access_find(r, STORE_TASKS, &m.id, &task);
    if (err != ERR_NONE)
        return err;
    m.from = m.to = *doc_id(task, "projectId");
    if (doc_has(body, "projectId"))
        m.to = *doc_id(body, "projectId");
    plan_topics(&m, &plan);
    return request_change(r, &plan);
}
