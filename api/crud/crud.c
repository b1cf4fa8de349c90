/*
 * The generic handlers.  Every change reads the project in its transaction, so
 * rights are exact: whoever changes them takes a number of the same topic.
 */
#include "api/crud/crud.h"

#include "api/access/project_access.h"
#include "api/access/read_access.h"
#include "api/crud/entity.h"
#include "api/crud/page.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/http/router.h"
#include "api/schema/doc.h"
#include "common/event_log.h"

enum err
crud_list(struct request *r)
{
    bson_t base = BSON_INITIALIZER;
    enum err err = page_reply(r, &base, entity_write_own);

    bson_destroy(&base);
    return err;
}

static const bson_oid_t *
project_of(const struct resource *res, const bson_t *doc)
{
    return doc_id(doc, res->is_project ? "_id" : "projectId");
}

enum err
crud_read(struct request *r)
{
    const struct resource *res = r->route->on;
    const bson_t *doc;
    bson_oid_t id;
    enum err err;

    if ((err = request_id_arg(r, 0, &id)) != ERR_NONE || (err = request_params_done(r)) != ERR_NONE)
        return err;
    if (!res->is_project)
        err = read_access_get(r, res->store, &id, &doc);
    else
        err = project_access_living(r, &id, ACTION_READ, &doc);
    return err == ERR_NONE ? entity_reply(r, 200, res, doc) : err;
}

/* A change of one entity, on its way through the transaction. */
struct edit {
    struct request *r;
    const struct resource *res;
    bson_oid_t id, project;
    enum action action;
    enum event_kind kind;
    const bson_t *change; /* of crud_change() */
    const bson_t *seen;   /* as it was just before the change; NULL: read it */
    bool moved;           /* to another project since it was looked up */
};

/* Reads project and entity, as this transaction sees them. */
static enum err
load(struct edit *edit, const bson_t **project, const bson_t **doc)
{
    enum err err = project_access(edit->r, &edit->project, edit->action, project);

    if (err == ERR_NONE && edit->res->is_project)
        *doc = *project;
    else if (err == ERR_NONE && edit->seen != NULL)
        *doc = edit->seen; /* its rev is the guard: if it is stale, the next run reads */
    else if (err == ERR_NONE)
        err = request_fetch(edit->r, edit->res->store, &edit->id, doc);
    edit->seen = NULL;
    edit->moved = err == ERR_NONE && !bson_oid_equal(project_of(edit->res, *doc), &edit->project);
    if (edit->moved)
        err = ERR_BUSY;
    if (err == ERR_NONE && edit->res->may != NULL)
        err = edit->res->may(edit->r, *project, *doc, edit->kind != edit->res->changed);
    return err;
}

/* If-Match, which a project may demand for changes of what is in it. */
static enum err
check_version(const struct edit *edit, const bson_t *project, const bson_t *doc)
{
    bool demanded = !edit->res->is_project && doc_flag(project, "requireIfMatch");

    return entity_precondition(edit->r, doc, demanded, entity_write_own);
}

static enum err
change_entity(struct change *change, void *arg)
{
    struct edit *edit = arg;
    const struct entity_change e = {edit->r, change, edit->res, 0};
    const bson_t *project, *before, *stored;
    bson_t *after;
    enum err err = load(edit, &project, &before);

    if (err == ERR_NONE && (doc_has(before, "deletedAt") || doc_has(project, "deletedAt")))
        err = ERR_NOT_FOUND;
    if (err != ERR_NONE || (err = check_version(edit, project, before)) != ERR_NONE)
        return err;
    after = request_keep(edit->r, doc_merge(before, edit->change));
    if ((err = entity_apply_rules(&e, project, before, &after)) != ERR_NONE ||
        (err = entity_store(&e, edit->kind, before, after, &stored)) != ERR_NONE)
        return err;
    return entity_reply(edit->r, 200, edit->res, stored);
}

/* Moves the entity to the trash, or out of it: edit->kind tells which. */
static enum err
trash_entity(struct change *change, void *arg)
{
    struct edit *edit = arg;
    const struct entity_change e = {edit->r, change, edit->res, 0};
    const bson_t *project, *before, *after, *stored;
    bool back = edit->kind == edit->res->restored;
    bson_t *set;
    enum err err = load(edit, &project, &before);

    if (err == ERR_NONE && !edit->res->is_project && doc_has(project, "deletedAt"))
        err = ERR_NOT_FOUND;
    if (err == ERR_NONE && !back && doc_has(before, "deletedAt"))
        err = ERR_NOT_FOUND;
    if (err == ERR_NONE && edit->res->is_project && doc_flag(before, "inbox"))
        err = request_fail(edit->r, ERR_CONFLICT, "the personal project cannot be deleted");
    if (err != ERR_NONE || (err = check_version(edit, project, before)) != ERR_NONE)
        return err;
    set = request_keep(edit->r, bson_new());
    if (back)
        BSON_APPEND_NULL(set, "deletedAt");
    else
        BSON_APPEND_DATE_TIME(set, "deletedAt", change_now(change));
    if (!back && edit->res->forget != NULL) {
        edit->res->forget(set);
        err = event_log_forget(change, NULL, &edit->id);
        if (err != ERR_NONE)
            return err;
    }
    after = request_keep(edit->r, doc_merge(before, set));
    err = entity_store(&e, edit->kind, before, after, &stored);
    if (err != ERR_NONE)
        return err;
    return back ? entity_reply(edit->r, 200, edit->res, stored) : reply_empty(edit->r, 204);
}

/* Looks up which project's topic it concerns, then runs the change there. */
static enum err
run_once(struct request *r, change_fn fn, struct edit *edit)
{
    struct change_plan plan = {.topic_count = 1, .fn = fn, .arg = edit};
    const bson_t *doc;
    enum err err;

    edit->project = edit->id;
    edit->moved = false;
    edit->seen = NULL;
    if (!edit->res->is_project) {
        err = request_fetch(r, edit->res->store, &edit->id, &doc);
        if (err != ERR_NONE && err != ERR_NOT_FOUND)
            return err;
        /* An id that nothing has fails in the transaction like one of somebody else's: the time
         * that the answer takes must not tell the two apart. */
        if (err == ERR_NONE) {
            edit->project = *project_of(edit->res, doc);
            edit->seen = doc;
        }
    }
    plan.topics[0] = request_project_topic(r, &edit->project);
    return request_change(r, &plan);
}

static enum err
run(struct request *r, change_fn fn, struct edit *edit)
{
    enum err err;

    if ((err = request_id_arg(r, 0, &edit->id)) != ERR_NONE ||
        (err = request_params_done(r)) != ERR_NONE)
        return err;
    for (int look = 1; look <= CRUD_LOOKS; look++)
        if ((err = run_once(r, fn, edit)) != ERR_BUSY || !edit->moved)
            break;
    return err;
}

enum err
crud_change(struct request *r)
{
    const struct resource *res = r->route->on;
    struct edit edit = {.r = r, .res = res, .action = res->change, .kind = res->changed};
    bson_t *change = request_keep(r, bson_new());
    enum err err = doc_read(r, DOC_CHANGE, res->shape->fields, r->json, change);

    edit.change = change;
    return err == ERR_NONE ? run(r, change_entity, &edit) : err;
}

enum err
crud_remove(struct request *r)
{
    const struct resource *res = r->route->on;
    struct edit edit = {.r = r, .res = res, .action = res->remove, .kind = res->removed};

    return run(r, trash_entity, &edit);
}

enum err
crud_restore(struct request *r)
{
    const struct resource *res = r->route->on;
    struct edit edit = {.r = r, .res = res, .action = res->remove, .kind = res->restored};

    return run(r, trash_entity, &edit);
}
