/*
 * /v1/tasks/{id}/undo: takes back a change that the caller has made.  It is an ordinary change, by
 * today's rights and rules, to what the fields were before.
 */
#include "api/v1/tasks/task_undo.h"

#include <string.h>

#include "api/access/access.h"
#include "api/access/project_access.h"
#include "api/access/read_access.h"
#include "api/crud/entity.h"
#include "api/crud/field_base.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "api/v1/tasks/project_statuses.h"
#include "api/v1/tasks/tasks.h"
#include "common/base/id.h"
#include "common/change/cursor.h"
#include "common/change/event_log.h"
#include "common/text/json.h"

/* clang-format off */
static const struct field undo_fields[] = {
    {"seq",    INTEGER, MAY_SET | NULLABLE, 1, 999999999999999, .about = "the number of the event in the project's log"},
    {"cursor", TEXT,    MAY_SET | NULLABLE, 1, 200, .about = "or the event's cursor"},
    {NULL},
};
/* clang-format on */

const struct shape undo_shape = {"Undo", undo_fields};

/* ------------------------------------------------------------ the event */

/* The number in the body: given as such, or by a cursor of the task's project. */
static enum err
read_seq(struct undo *u, const bson_t *body)
{
    struct request *r = u->r;
    const char *cursor = doc_text(body, "cursor");
    bool both = cursor != NULL && doc_has(body, "seq");

    u->seq = doc_int(body, "seq");
    if (both || (cursor == NULL && u->seq == 0)) {
        request_complain(r, "/seq", both ? "exclusive" : "required",
                         both ? "cannot be combined with cursor" : "is required, or cursor");
        return ERR_INVALID;
    }
    if (cursor == NULL)
        return ERR_NONE;
    switch (cursor_find(cursor, strlen(cursor), r->epoch, u->topic, &u->seq)) {
    case CURSOR_OK:
        return ERR_NONE;
    case CURSOR_OTHER_EPOCH:
        return request_fail(r, ERR_GONE, "the event is from before the database was restored");
    default:
        request_complain(r, "/cursor", "format", "must be the cursor of an event of the task");
        return ERR_INVALID;
    }
}

static enum err
note_event(void *arg, const struct event_item *item)
{
    struct undo *u = arg;
    struct request *r = u->r;
    static const char *const names[] = {"projectId"};
    struct event_content content;
    bson_iter_t project, was;
    char id[ID_TEXT];

    bson_oid_to_string(&u->id, id);
    u->kind = event_kind_of(item->kind);
    if (strcmp(item->entity_id, id) != 0)
        return ERR_NOT_FOUND;
    if (item->actor_id == NULL || strcmp(item->actor_id, r->user) != 0)
        return request_fail(r, ERR_FORBIDDEN, "only your own changes can be undone");
    if (u->kind == EVENT_TASK_CREATED)
        return request_fail(r, ERR_CONFLICT, "creating a task cannot be undone; delete it");
    if (!event_content(item->frame, item->len, &content))
        return ERR_INTERNAL;
    u->changes =
        bson_new_from_json((const uint8_t *)content.changes, (ssize_t)content.changes_len, NULL);
    if (content.changes[0] != '{' || u->changes == NULL)
        return request_fail(r, ERR_GONE, "the log does not have what was changed");
    request_keep(r, (bson_t *)(uintptr_t)u->changes);
    if (!bson_iter_init_find(&project, u->changes, "projectId"))
        return ERR_NONE;
    u->rev = item->rev;
    u->arrived = bson_iter_recurse(&project, &was) && bson_iter_next(&was) &&
                 BSON_ITER_HOLDS_NULL(&was);
    return u->arrived ? ERR_CONFLICT /* which is another plan: task_undo_move() */
                      : task_undo_refuse(r, names, 1);
}

/* Reads the event, which is not one of the same transaction: no client knows its number yet. */
static enum err
find_event(struct undo *u, struct change *change)
{
    bson_t *filter =
        request_keep(u->r, BCON_NEW("topic", BCON_UTF8(u->topic), "seq", BCON_INT64(u->seq)));
    bson_t *doc;
    enum err err = store_get(change_store(change), STORE_EVENTS, filter, NULL, &doc);

    if (err == ERR_NOT_FOUND && u->seq < change_seq(change, 0))
        return request_fail(u->r, ERR_GONE, "the log no longer has the event");
    if (err != ERR_NONE)
        return err;
    return event_log_item(request_keep(u->r, doc), note_event, u);
}

/* ------------------------------------------------------------ what has become invalid */

/* Is it another task of the project that is not in the trash? */
static enum err
is_living(const struct undoing *d, const bson_oid_t *id, bool *living)
{
    const bson_t *other;
    bson_iter_t iter;
    enum err err;

    for (bool more = d->moving != NULL && bson_iter_init(&iter, d->moving);
         more && bson_iter_next(&iter);)
        if ((*living = bson_oid_equal(bson_iter_oid(&iter), id)))
            return ERR_NONE;
    err = request_fetch(d->u->r, STORE_TASKS, id, &other);
    *living = err == ERR_NONE && !doc_has(other, "deletedAt") &&
              bson_oid_equal(doc_id(other, "projectId"), doc_id(d->project, "_id"));
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

/* Can an item that comes back still be in the list of that name? */
static enum err
may_return(const struct undoing *d, const char *name, const bson_iter_t *item, bool *may)
{
    bson_iter_t id;

    *may = true;
    if (strcmp(name, "labelIds") == 0)
        *may = project_statuses_label(d->project, bson_iter_utf8(item, NULL));
    else if (strcmp(name, "assigneeIds") == 0)
        *may = access_member(d->project, bson_iter_oid(item)) != ROLE_NONE;
    else if (strcmp(name, "relations") == 0 && bson_iter_recurse(item, &id) &&
             bson_iter_find(&id, "taskId"))
        return is_living(d, bson_iter_oid(&id), may);
    return ERR_NONE;
}

/* Appends a list without the items that cannot return. */
static enum err
append_valid(const struct undoing *d, const bson_iter_t *list, bson_t *out)
{
    const char *name = bson_iter_key(list);
    bson_t kept;
    struct doc_array array = {&kept, 0};
    bson_iter_t items;
    bool may;
    enum err err = ERR_NONE;

    BSON_APPEND_ARRAY_BEGIN(out, name, &kept);
    if (bson_iter_recurse(list, &items))
        while (err == ERR_NONE && bson_iter_next(&items)) {
            may = doc_list_has(d->before, name, &items);
            if (!may)
                err = may_return(d, name, &items, &may);
            if (err == ERR_NONE && may)
                doc_array_add_value(&array, &items);
        }
    bson_append_array_end(out, &kept);
    return err;
}

/* Appends the parent, if it can still be one; the rules say the rest. */
static enum err
append_parent(const struct undoing *d, const bson_iter_t *parent, bson_t *out)
{
    bool living = true;
    enum err err = ERR_NONE;

    if (BSON_ITER_HOLDS_OID(parent))
        err = is_living(d, bson_iter_oid(parent), &living);
    if (living)
        bson_append_iter(out, NULL, 0, parent);
    return err;
}

/* What belongs to the server, or follows from the other fields by the rules. */
static bool
is_derived(const char *name)
{
    static const char *const names[] = {"number",   "nextId",      "previousId", "deletedAt",
                                        "comments", "attachments", "projectId"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

enum err
task_undo_fields(const struct undoing *d, const bson_t *was, bson_t *set)
{
    bson_iter_t iter;
    enum err err = ERR_NONE;

    bson_iter_init(&iter, was);
    while (err == ERR_NONE && bson_iter_next(&iter)) {
        const char *name = bson_iter_key(&iter);

        if (is_derived(name))
            continue;
        if (strcmp(name, "parentId") == 0)
            err = append_parent(d, &iter, set);
        else if (BSON_ITER_HOLDS_ARRAY(&iter) && strcmp(name, "checklist") != 0)
            err = append_valid(d, &iter, set);
        else
            bson_append_iter(set, NULL, 0, &iter);
    }
    return err;
}

/* ------------------------------------------------------------ the change */

enum err
task_undo_refuse(struct request *r, const char *const *names, int count)
{
    struct text list = {0};

    for (int i = 0; i < count; i++) {
        text_putc(&list, i == 0 ? '[' : ',');
        json_string(&list, names[i], strlen(names[i]));
    }
    text_putc(&list, ']');
    r->conflicts = arena_dup(r->arena, list.bytes);
    text_free(&list);
    return request_fail(r, ERR_CONFLICT,
                        "fields that this would take back have been changed since");
}

enum err
task_undo_position(const struct undoing *d, bson_t *set)
{
    struct undo *u = d->u;
    struct request *r = u->r;
    const bson_oid_t *project = doc_id(d->project, "_id");
    const struct task_place place = {d->change, d->topic, project, &u->id, true};
    bson_t *filter, *other, *own;
    struct text key = {0};
    enum err err;

    if (!doc_has(set, "position"))
        return ERR_NONE;
    filter = request_keep(r, BCON_NEW("projectId", BCON_OID(project), "position",
                                      BCON_UTF8(doc_text(set, "position")), "_id", "{", "$ne",
                                      BCON_OID(&u->id), "}"));
    err = store_get(change_store(d->change), STORE_TASKS, filter, NULL, &other);
    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    err = task_place_key(r, &place, request_keep(r, other), &key);
    if (err == ERR_NONE) {
        own = request_keep(r, BCON_NEW("position", BCON_UTF8(key.bytes)));
        own = request_keep(r, doc_merge(set, own));
        bson_reinit(set);
        bson_concat(set, own);
    }
    text_free(&key);
    return err;
}

/* The next version of the task: with the fields as they were, by the rules. */
static enum err
revert(const struct undoing *d, const struct entity_change *e, const struct doc_reverted *was,
       bson_t **after)
{
    static const char *const status[] = {"status"};
    struct request *r = d->u->r;
    bson_t *set = request_keep(r, bson_new());
    enum err err;

    if ((err = task_undo_fields(d, was->set, set)) != ERR_NONE ||
        (err = task_undo_position(d, set)) != ERR_NONE)
        return err;
    if (doc_has(set, "status") &&
        project_statuses_kind(d->project, doc_text(set, "status")) == '\0')
        return task_undo_refuse(r, status, 1);
    *after = request_keep(r, doc_merge(d->before, set));
    err = entity_apply_rules(e, d->project, d->before, after);
    return err == ERR_INVALID ? ERR_CONFLICT : err; /* the complaints say why */
}

/* To or out of the trash. */
static bson_t *
move_trash(const struct undoing *d)
{
    struct request *r = d->u->r;
    bson_t *set = request_keep(r, bson_new());

    if (d->u->kind == EVENT_TASK_DELETED)
        BSON_APPEND_NULL(set, "deletedAt");
    else
        BSON_APPEND_DATE_TIME(set, "deletedAt", change_now(d->change));
    return request_keep(r, doc_merge(d->before, set));
}

static enum event_kind
opposite(enum event_kind kind)
{
    return kind == EVENT_TASK_DELETED    ? EVENT_TASK_RESTORED
           : kind == EVENT_TASK_RESTORED ? EVENT_TASK_DELETED
                                         : kind;
}

enum err
task_undo_check(const struct undoing *d, const struct entity_change *e, struct doc_reverted *was)
{
    struct request *r = d->u->r;
    struct field_names names = {.count = 0};
    enum err err = entity_precondition(r, d->before, false, entity_write_own);

    if (err != ERR_NONE)
        return err;
    was->set = request_keep(r, bson_new());
    doc_revert(&task_shape, d->u->changes, d->before, was);
    if (was->untold_count > 0)
        return request_fail(r, ERR_GONE, "a value was too long for the log");
    if (was->conflict_count > 0)
        return task_undo_refuse(r, was->conflicts, was->conflict_count);
    for (int i = 0; i < was->name_count; i++)
        field_names_add(&names, was->names[i]);
    return field_base_check(e, d->before, &names);
}

/* Reads project, task and event, as this transaction sees them. */
static enum err
load(struct undoing *d)
{
    struct undo *u = d->u;
    enum err err = project_access(u->r, &u->project, ACTION_WRITE, &d->project);

    if (err != ERR_NONE || (err = request_fetch(u->r, STORE_TASKS, &u->id, &d->before)) != ERR_NONE)
        return err;
    if (!bson_oid_equal(doc_id(d->before, "projectId"), &u->project))
        return ERR_BUSY; /* moved since the look-up: the client may try again */
    if (doc_has(d->project, "deletedAt"))
        return ERR_NOT_FOUND;
    err = find_event(u, d->change);
    if (err == ERR_NONE && doc_has(d->before, "deletedAt") && u->kind != EVENT_TASK_DELETED)
        err = ERR_NOT_FOUND;
    return err;
}

static enum err
undo_change(struct change *change, void *arg)
{
    struct undoing d = {.u = arg, .change = change};
    struct request *r = d.u->r;
    const struct entity_change e = {r, change, &tasks, 0};
    enum event_kind kind;
    struct doc_reverted was = {.set = NULL};
    const bson_t *stored;
    bson_t *after;
    enum err err;

    r->conflicts = NULL;
    d.u->arrived = false;
    if ((err = load(&d)) != ERR_NONE || (err = task_undo_check(&d, &e, &was)) != ERR_NONE)
        return err;
    kind = opposite(d.u->kind);
    if (kind == d.u->kind)
        err = revert(&d, &e, &was, &after);
    else
        after = move_trash(&d);
    if (err != ERR_NONE || (err = entity_store(&e, kind, d.before, after, &stored)) != ERR_NONE)
        return err;
    if (stored == d.before)
        return task_undo_refuse(r, was.names, was.name_count);
    return entity_reply(r, 200, &tasks, stored);
}

enum err
tasks_undo(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    struct undo u = {.r = r};
    struct change_plan plan = {.topic_count = 1,
                               .fn = undo_change,
                               .arg = &u,
                               .read_id = &u.id,
                               .reads = STORE_TASKS,
                               .batched = true};
    const bson_t *task;
    enum err err;

    if ((err = request_id_arg(r, 0, &u.id)) != ERR_NONE ||
        (err = request_params_done(r)) != ERR_NONE ||
        (err = doc_read(r, DOC_CREATE, undo_fields, r->json, body)) != ERR_NONE ||
        (err = read_access_find(r, STORE_TASKS, &u.id, &task)) != ERR_NONE)
        return err;
    u.project = *doc_id(task, "projectId");
    u.topic = plan.topics[0] = request_project_topic(r, &u.project);
    if ((err = read_seq(&u, body)) != ERR_NONE)
        return err;
    err = request_change(r, &plan);
    return err == ERR_CONFLICT && u.arrived ? task_undo_move(&u) : err;
}
