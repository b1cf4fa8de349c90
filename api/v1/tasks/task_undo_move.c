/*
 * Taking back a move to another project: a move like any other, but what the tasks have lost by
 * the first one comes back.  The events with which they left the former project tell what that is.
 */
#include "api/v1/tasks/task_undo.h"

#include <string.h>

#include "api/access/project_access.h"
#include "api/crud/request_change.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "api/v1/tasks/project_statuses.h"
#include "api/v1/tasks/task_transfer.h"
#include "api/v1/tasks/tasks.h"
#include "common/base/id.h"
#include "common/change/event_log.h"
#include "common/text/json.h"
#include "common/time/clock.h"

/* The events with which a task that moved has left, and arrived: what they tell. */
struct moved {
    bson_oid_t id;
    const bson_t *left, *arrived; /* NULL: not found */
    bool taken;                   /* another task has the place that it had */
};

struct undo_move {
    struct undo *u;
    bson_oid_t former; /* the project that it came from */
    const char *former_topic;
    int64_t left_seq;
    char at[CLOCK_INSTANT]; /* of the move */
    struct moved task, subtasks[TASK_TRANSFER_SUBTASKS];
    int count, to_topic;
    struct undoing d;
    enum err err; /* of finding what a subtask had */
};

/* ------------------------------------------------------------ the events */

/* The changes of an event; NULL: it does not tell them. */
static const bson_t *
read_changes(struct request *r, const struct event_item *item)
{
    struct event_content content;
    bson_t *changes;

    if (!event_content(item->frame, item->len, &content) || content.changes[0] != '{')
        return NULL;
    changes =
        bson_new_from_json((const uint8_t *)content.changes, (ssize_t)content.changes_len, NULL);
    return changes == NULL ? NULL : request_keep(r, changes);
}

/* The events of the same revision are the two of the move: that of the other topic is wanted. */
static enum err
note_origin(void *arg, const struct event_item *item)
{
    struct undo_move *m = arg;
    struct undo *u = m->u;

    if (strcmp(item->topic, u->topic) == 0 || item->actor_id == NULL ||
        strcmp(item->actor_id, u->r->user) != 0)
        return ERR_NONE;
    m->former_topic = arena_dup(u->r->arena, item->topic);
    bson_oid_init_from_string(&m->former, topic_id(m->former_topic));
    m->left_seq = item->seq;
    m->task = (struct moved){u->id, read_changes(u->r, item), u->changes};
    if (!json_member(item->frame, item->len, "at", m->at, sizeof(m->at)))
        m->at[0] = '\0';
    return ERR_NONE;
}

static enum err
find_origin(struct undo_move *m)
{
    struct undo *u = m->u;
    bson_t *filter = request_keep(u->r, BCON_NEW("entityId", BCON_OID(&u->id), "kind",
                                                 BCON_UTF8(event_rows[EVENT_TASK_MOVED].kind),
                                                 "rev", BCON_INT64(u->rev)));
    bson_t *opts = request_keep(u->r, BCON_NEW("sort", "{", "entityId", BCON_INT32(-1), "topic",
                                               BCON_INT32(-1), "seq", BCON_INT32(-1), "}", "limit",
                                               BCON_INT64(2)));
    enum err err = event_log_find(u->r->store, filter, opts, note_origin, m);

    if (err == ERR_NONE && m->task.left == NULL)
        err = request_fail(u->r, ERR_GONE, "the log does not have what the task was before");
    return err;
}

static struct moved *
find_subtask(struct undo_move *m, const bson_oid_t *id)
{
    for (int i = 0; i < m->count; i++)
        if (bson_oid_equal(&m->subtasks[i].id, id))
            return &m->subtasks[i];
    return NULL;
}

static enum err
note_subtask(void *arg, const struct event_item *item)
{
    struct undo_move *m = arg;
    char at[CLOCK_INSTANT];
    struct moved *s;
    bson_oid_t id;

    if (event_kind_of(item->kind) != EVENT_TASK_MOVED ||
        !json_member(item->frame, item->len, "at", at, sizeof(at)) || strcmp(at, m->at) != 0)
        return ERR_NONE;
    bson_oid_init_from_string(&id, item->entity_id);
    if ((s = find_subtask(m, &id)) == NULL) {
        if (m->count == TASK_TRANSFER_SUBTASKS)
            return ERR_NONE;
        s = &m->subtasks[m->count++];
        *s = (struct moved){.id = id};
    }
    *(strcmp(item->topic, m->u->topic) == 0 ? &s->arrived : &s->left) = read_changes(m->u->r, item);
    return ERR_NONE;
}

/* The events of the subtasks come before the task's, in both topics. */
static enum err
find_subtasks(struct undo_move *m, const char *topic, int64_t seq)
{
    struct event_after what = {topic, seq - TASK_TRANSFER_SUBTASKS - 1, TASK_TRANSFER_SUBTASKS};

    if (what.after < 0) {
        what.limit += (int)what.after;
        what.after = 0;
    }
    return what.limit <= 0 ? ERR_NONE : event_log_read(m->u->r->store, &what, note_subtask, m);
}

/* ------------------------------------------------------------ what comes back */

/* The position that it had; "": not known. */
static const char *
position_of(const struct moved *s)
{
    bson_iter_t iter, was;

    if (s->left != NULL && bson_iter_init_find(&iter, s->left, "position") &&
        bson_iter_recurse(&iter, &was) && bson_iter_next(&was) && BSON_ITER_HOLDS_UTF8(&was))
        return bson_iter_utf8(&was, NULL);
    return "";
}

/* Does a subtask get this field back?  Not if somebody has changed it since the move. */
static bool
may_return(const struct undo_move *m, const struct moved *s, const bson_iter_t *field,
           const struct doc_reverted *now)
{
    const char *name = bson_iter_key(field);

    for (int i = 0; i < now->conflict_count; i++)
        if (strcmp(now->conflicts[i], name) == 0)
            return false;
    if (strcmp(name, "status") == 0)
        return project_statuses_kind(m->d.project, bson_iter_utf8(field, NULL)) != '\0';
    return strcmp(name, "parentId") != 0 && !(s->taken && strcmp(name, "position") == 0);
}

/* What a subtask had, as far as nobody has changed that since. */
static const bson_t *
former_subtask(struct task_transfer *t, const bson_t *subtask)
{
    struct undo_move *m = t->arg;
    struct request *r = t->r;
    const struct moved *s = find_subtask(m, doc_id(subtask, "_id"));
    struct doc_reverted now = {.set = request_keep(r, bson_new())},
                        was = {.set = request_keep(r, bson_new())};
    bson_t *same = request_keep(r, bson_new()), *set = request_keep(r, bson_new());
    bson_iter_t iter;

    if (s == NULL || s->left == NULL || s->arrived == NULL)
        return NULL;
    doc_revert(&task_shape, s->arrived, subtask, &now);
    doc_revert(&task_shape, s->left, subtask, &was);
    bson_iter_init(&iter, was.set);
    while (bson_iter_next(&iter)) {
        if (may_return(m, s, &iter, &now))
            bson_append_iter(same, NULL, 0, &iter);
    }
    if ((m->err = task_undo_fields(&m->d, same, set)) != ERR_NONE)
        return NULL;
    if (doc_has(was.set, "number"))
        BSON_APPEND_INT64(set, "number", doc_int(was.set, "number"));
    return set;
}

/* ------------------------------------------------------------ the change */

static enum err
note_taken(void *arg, const bson_t *task)
{
    struct undo_move *m = arg;

    for (int i = 0; i < m->count; i++)
        if (strcmp(position_of(&m->subtasks[i]), doc_text(task, "position")) == 0)
            m->subtasks[i].taken = true;
    return ERR_NONE;
}

/* Which places of subtasks do other tasks have now? */
static enum err
find_taken(struct undo_move *m, struct store *store)
{
    const char *positions[TASK_TRANSFER_SUBTASKS];
    bson_t filter = BSON_INITIALIZER;
    uint32_t count = 0;
    enum err err = ERR_NONE;

    for (int i = 0; i < m->count; i++) {
        m->subtasks[i].taken = false;
        if (position_of(&m->subtasks[i])[0] != '\0')
            positions[count++] = position_of(&m->subtasks[i]);
    }
    BSON_APPEND_OID(&filter, "projectId", &m->former);
    doc_in_texts(&filter, "position", positions, count);
    if (count > 0)
        err = store_find(store, &(struct store_query){STORE_TASKS, &filter, NULL}, note_taken, m);
    bson_destroy(&filter);
    return err;
}

/* The task as it will be stored. */
static enum err
new_version(struct undo_move *m, struct task_transfer *t, const struct entity_change *e,
            bson_t **after)
{
    static const char *const status[] = {"status"};
    struct request *r = m->u->r;
    struct doc_reverted was = {.set = request_keep(r, bson_new())};
    bson_t *set = request_keep(r, bson_new()), *former = request_keep(r, bson_new());
    enum err err;

    doc_revert(&task_shape, m->task.left, t->task, &was);
    if (was.untold_count > 0)
        return request_fail(r, ERR_GONE, "a value was too long for the log");
    task_transfer_fields(t, t->task, set);
    BSON_APPEND_NULL(set, "parentId");
    BSON_APPEND_INT64(former, "number", doc_int(was.set, "number"));
    if ((err = task_undo_fields(&m->d, was.set, former)) != ERR_NONE ||
        (err = task_undo_position(&m->d, former)) != ERR_NONE)
        return err;
    if (doc_has(former, "status") &&
        project_statuses_kind(t->to, doc_text(former, "status")) == '\0')
        return task_undo_refuse(r, status, 1);
    set = request_keep(r, doc_merge(set, former));
    *after = request_keep(r, doc_merge(t->task, set));
    err = entity_apply_rules(e, t->to, t->task, after);
    return err == ERR_INVALID ? ERR_CONFLICT : err; /* the complaints say why */
}

/* Reads both projects and the task: may the caller still move it there? */
static enum err
load(struct undo_move *m, struct task_transfer *t)
{
    struct undo *u = m->u;
    enum err err = project_access_living(u->r, &u->project, ACTION_WRITE, &t->from);

    if (err != ERR_NONE ||
        (err = project_access_living(u->r, &m->former, ACTION_WRITE, &t->to)) != ERR_NONE ||
        (err = request_fetch(u->r, STORE_TASKS, &u->id, &t->task)) != ERR_NONE)
        return err;
    if (!bson_oid_equal(doc_id(t->task, "projectId"), &u->project))
        return ERR_BUSY; /* moved since the look-up: the client may try again */
    return doc_has(t->task, "deletedAt") ? ERR_NOT_FOUND : ERR_NONE;
}

/* The task must be as the move has left it. */
static enum err
check(struct undo_move *m, const struct task_transfer *t, const struct entity_change *e)
{
    struct doc_reverted now = {.set = NULL};
    struct undoing d = m->d;

    d.before = t->task;
    return task_undo_check(&d, e, &now);
}

static enum err
move_back(struct change *change, void *arg)
{
    struct undo_move *m = arg;
    struct request *r = m->u->r;
    struct task_transfer *t = arena_alloc(r->arena, sizeof(*t));
    const struct entity_change e = {r, change, &tasks, m->to_topic};
    const bson_t *stored;
    bson_t *after;
    enum err err;

    r->conflicts = NULL;
    m->err = ERR_NONE;
    *t = (struct task_transfer){.r = r,
                                .change = change,
                                .from_topic = 1 - m->to_topic,
                                .to_topic = m->to_topic,
                                .former = former_subtask,
                                .arg = m};
    if ((err = load(m, t)) != ERR_NONE)
        return err;
    m->d = (struct undoing){m->u, change, m->to_topic, t->to, request_keep(r, bson_new()), NULL};
    if ((err = check(m, t, &e)) != ERR_NONE || (err = task_transfer_begin(t)) != ERR_NONE)
        return err;
    m->d.moving = t->ids;
    if ((err = new_version(m, t, &e, &after)) != ERR_NONE ||
        (err = find_taken(m, change_store(change))) != ERR_NONE ||
        (err = task_transfer_rest(t)) != ERR_NONE || (err = m->err) != ERR_NONE ||
        (err = entity_store(&e, EVENT_TASK_MOVED, t->task, after, &stored)) != ERR_NONE ||
        (err = task_transfer_tell(t, t->task, stored, true)) != ERR_NONE)
        return err;
    return entity_reply(r, 200, &tasks, stored);
}

enum err
task_undo_move(struct undo *u)
{
    struct undo_move *m = arena_alloc(u->r->arena, sizeof(*m));
    struct change_plan plan = {
        .topic_count = 2, .fn = move_back, .arg = m, .read_id = &u->id, .reads = STORE_TASKS};
    enum err err;

    *m = (struct undo_move){.u = u};
    if ((err = find_origin(m)) != ERR_NONE ||
        (err = find_subtasks(m, u->topic, u->seq)) != ERR_NONE ||
        (err = find_subtasks(m, m->former_topic, m->left_seq)) != ERR_NONE)
        return err;
    m->to_topic = strcmp(u->topic, m->former_topic) < 0 ? 1 : 0;
    plan.topics[m->to_topic] = m->former_topic;
    plan.topics[1 - m->to_topic] = u->topic;
    return request_change(u->r, &plan);
}
