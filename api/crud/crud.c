/*
 * The generic handlers.  Every change reads the project in its transaction, so rights are exact:
 * any change of rights takes a number of the same topic.
 */
#include "api/crud/crud.h"

#include "api/access/api_token_auth.h"
#include "api/access/entity_project.h"
#include "api/access/project_access.h"
#include "api/access/read_access.h"
#include "api/crud/entity.h"
#include "api/crud/field_base.h"
#include "api/crud/page.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/http/router.h"
#include "api/schema/doc.h"
#include "common/change/event_log.h"

static const bson_oid_t *
project_of(const struct resource *res, const bson_t *doc)
{
    return doc_id(doc, res->is_project ? "_id" : "projectId");
}

/* The caller has read it, so the caller will probably change it next. */
static void
note_project(struct request *r, const struct resource *res, const bson_t *doc)
{
    const bson_oid_t *project = project_of(res, doc);

    entity_project_put(&r->user_id, doc_id(doc, "_id"), project);
    if (!res->is_project)
        entity_project_put(&r->user_id, project, project);
}

static void
write_item(struct request *r, struct text *out, const bson_t *doc)
{
    note_project(r, r->route->on, doc);
    entity_write_own(r, out, doc);
}

enum err
crud_list(struct request *r)
{
    bson_t base = BSON_INITIALIZER;
    enum err err = page_reply(r, &base, write_item);

    bson_destroy(&base);
    return err;
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
    if (err != ERR_NONE)
        return err;
    note_project(r, res, doc);
    return entity_reply(r, 200, res, doc);
}

/* A change of one entity during its transaction. */
struct edit {
    struct request *r;
    const struct resource *res;
    bson_oid_t id, project;
    enum action action;
    enum event_kind kind;
    const struct crud_edit *how; /* NULL: to or from the trash */
    bool guessed;                /* the project is the one where the caller last saw it */
    bool found;                  /* the entity was there */
    bool moved;                  /* to another project since it was looked up */
    bool demanded;               /* the project requires If-Match for it */
};

/* Does the project require If-Match for this change? */
static bool
is_demanded(const struct edit *edit, const bson_t *project)
{
    return !edit->res->is_project && (edit->how == NULL || !edit->how->unconditional) &&
           doc_flag(project, "requireIfMatch");
}

/* Reads project and entity, as this transaction sees them. */
static enum err
load(struct edit *edit, const bson_t **project, const bson_t **doc)
{
    enum err err = project_access(edit->r, &edit->project, edit->action, project);

    if (err == ERR_NONE && edit->res->is_project)
        *doc = *project;
    else if (err == ERR_NONE)
        err = request_fetch(edit->r, edit->res->store, &edit->id, doc);
    edit->moved = err == ERR_NONE && !bson_oid_equal(project_of(edit->res, *doc), &edit->project);
    edit->found = err == ERR_NONE && !edit->moved;
    edit->demanded = edit->found && is_demanded(edit, *project);
    if (edit->moved)
        err = ERR_BUSY;
    if (err == ERR_NONE && edit->res->may != NULL)
        err = edit->res->may(edit->r, *project, *doc, edit->kind != edit->res->changed);
    return err;
}

/*
 * Checks If-Match, which a project may require for changes of its content, or Base-Rev, for the
 * fields that are to be changed.
 */
static enum err
check_version(const struct edit *edit, const struct entity_change *e, const bson_t *doc,
              const struct field_names *names)
{
    enum err err = entity_precondition(e->r, doc, edit->demanded, entity_write_own);

    return err == ERR_NONE ? field_base_check(e, doc, names) : err;
}

/* A reply without a body names the job that was started, if any, as its Location. */
static enum err
reply_changed(const struct edit *edit, const bson_t *doc)
{
    struct request *r = edit->r;

    if (edit->how->status != 204)
        return entity_reply(r, edit->how->status, edit->res, doc);
    r->reply.location = r->job[0] == '\0' ? NULL : arena_printf(r->arena, "/v1/jobs/%s", r->job);
    return reply_empty(r, 204);
}

static enum err
change_entity(struct change *change, void *arg)
{
    struct edit *edit = arg;
    struct crud_change c = {.set = request_keep(edit->r, bson_new())};
    struct entity_change e = {edit->r, change, edit->res, 0};
    const bson_t *project, *before, *stored;
    bson_t *after;
    enum err err = load(edit, &project, &before);

    if (err == ERR_NONE && (doc_has(before, "deletedAt") || doc_has(project, "deletedAt")))
        err = ERR_NOT_FOUND;
    if (err != ERR_NONE || (err = edit->how->find(edit->r, edit->how->arg, before, &c)) != ERR_NONE)
        return err;
    e.moved = c.moved;
    after = request_keep(edit->r, doc_merge(before, c.set));
    if ((err = check_version(edit, &e, before, &c.names)) != ERR_NONE ||
        (err = entity_apply_rules(&e, project, before, &after)) != ERR_NONE ||
        (err = entity_store(&e, edit->kind, before, after, &stored)) != ERR_NONE)
        return err;
    if (c.removed != NULL && edit->res->after_removal != NULL)
        err = edit->res->after_removal(edit->r, change, stored, edit->r->route->items, c.removed);
    return err == ERR_NONE ? reply_changed(edit, stored) : err;
}

/* Moves the entity to or out of the trash, depending on edit->kind. */
static enum err
trash_entity(struct change *change, void *arg)
{
    struct edit *edit = arg;
    const struct entity_change e = {edit->r, change, edit->res, 0};
    const struct field_names names = {{"deletedAt"}, 1};
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
    if (err != ERR_NONE || (err = check_version(edit, &e, before, &names)) != ERR_NONE)
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

/*
 * Finds the entity's project; fills in what the plan needs to know about the entity.  An entity
 * that the caller may not read is like one that does not exist: no change is begun for it, which
 * would take longer.
 */
static enum err
look_up(struct request *r, struct edit *edit, struct change_plan *plan)
{
    const bson_t *doc;
    enum err err;

    edit->project = edit->id;
    if (edit->res->is_project)
        return ERR_NONE;
    plan->read_id = &edit->id;
    plan->reads = edit->res->store;
    /* Erasing content from the log must find all of it in the database. */
    plan->batched = edit->res->forget == NULL || edit->kind != edit->res->removed;
    if (edit->guessed && entity_project_get(&r->user_id, &edit->id, &edit->project) &&
        api_token_auth_reaches(r, &edit->project))
        return ERR_NONE;
    edit->guessed = false;
    if ((err = read_access_find(r, edit->res->store, &edit->id, &doc)) != ERR_NONE)
        return err;
    note_project(r, edit->res, doc);
    edit->project = *project_of(edit->res, doc);
    plan->seen = doc; /* its rev is the guard: if it is stale, the next run reads */
    return ERR_NONE;
}

/* Runs the change in the project's topic. */
static enum err
run_once(struct request *r, change_fn fn, struct edit *edit)
{
    struct change_plan plan = {.topic_count = 1, .fn = fn, .arg = edit};
    enum err err = look_up(r, edit, &plan);

    edit->moved = edit->found = false;
    if (err != ERR_NONE)
        return err;
    plan.topics[0] = request_project_topic(r, &edit->project);
    err = request_change(r, &plan);
    if (err == ERR_NONE && !edit->res->is_project)
        entity_project_put(&r->user_id, &edit->id, &edit->project);
    return err;
}

/* Was it looked up in the wrong project? */
static bool
is_misplaced(const struct edit *edit, enum err err)
{
    if (err == ERR_NONE || err == ERR_STORE || edit->found)
        return false;
    return edit->guessed || (edit->moved && err == ERR_BUSY);
}

static enum err
run(struct request *r, change_fn fn, struct edit *edit)
{
    enum err err;

    if ((err = request_id_arg(r, 0, &edit->id)) != ERR_NONE ||
        (err = request_params_done(r)) != ERR_NONE)
        return err;
    edit->guessed = !edit->res->is_project;
    for (int look = 0; look <= CRUD_LOOKS; look++) {
        err = run_once(r, fn, edit);
        if (!is_misplaced(edit, err))
            break;
        edit->guessed = false;
    }
    return err;
}

enum err
crud_edit(struct request *r, const struct crud_edit *how)
{
    const struct resource *res = r->route->on;
    struct edit edit = {
        .r = r, .res = res, .how = how, .action = res->change, .kind = res->changed};

    return run(r, change_entity, &edit);
}

/* The change is the request's body, whatever the current version. */
static enum err
take_body(struct request *r, void *arg, const bson_t *before, struct crud_change *out)
{
    const bson_t *body = arg;

    bson_concat(out->set, body);
    if (r->base != 0)
        field_names_of(&out->names, r->route->on->shape, body, before);
    return ERR_NONE;
}

enum err
crud_change(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    const struct crud_edit how = {.find = take_body, .arg = body, .status = 200};
    enum err err = doc_read(r, DOC_CHANGE, r->route->on->shape->fields, r->json, body);

    return err == ERR_NONE ? crud_edit(r, &how) : err;
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
