/*
 * The generic handlers.  Every change reads the project in its transaction, so
 * rights are exact: whoever changes them takes a number of the same topic.
 */
#include "api/crud.h"

#include <string.h>

#include "api/bearer.h"
#include "api/doc.h"
#include "api/due.h"
#include "api/list_find.h"
#include "api/project_cache.h"
#include "api/query.h"
#include "api/readable.h"
#include "api/reply.h"
#include "api/request.h"
#include "api/router.h"
#include "common/clock.h"
#include "common/event_log.h"

struct page {
    struct request *r;
    const struct query *query;
    struct text *out;
    void (*write)(struct request *, struct text *, const bson_t *);
    struct text cursor;
    int count;
};

static enum err
page_item(void *arg, const bson_t *doc)
{
    struct page *p = arg;

    if (p->count == p->query->limit) { /* one more than the page: there is a next one */
        p->count++;
        return ERR_NONE;
    }
    if (p->count++ > 0)
        text_putc(p->out, ',');
    p->write(p->r, p->out, doc);
    if (p->count == p->query->limit)
        query_cursor(&p->cursor, p->query, doc);
    return ERR_NONE;
}

enum err
crud_page(struct request *r, enum store_name store, const struct list *list, const bson_t *base,
          void (*write)(struct request *, struct text *, const bson_t *))
{
    struct query query;
    struct page page = {.r = r, .query = &query, .write = write};
    enum err err = query_read(r, list, base, &query);

    if (err == ERR_NONE && list->narrow != NULL)
        err = list->narrow(r, store, &query);
    if (err != ERR_NONE)
        return err;
    page.out = reply_json(r, 200);
    text_puts(page.out, "{\"items\":[");
    if (query.order->due)
        err = due_find(r, store, &query, page_item, &page);
    else
        err = list_find(r, store, &query, query.filter, page_item, &page);
    if (page.count > query.limit)
        text_printf(page.out, "],\"nextCursor\":\"%s\"}", page.cursor.bytes);
    else
        text_puts(page.out, "],\"nextCursor\":null}");
    text_free(&page.cursor);
    return err;
}

void
crud_write(struct request *r, struct text *out, const struct resource *res, const bson_t *doc)
{
    const char *more = "";

    if (res->is_project)
        more =
            arena_printf(r->arena, ",\"role\":\"%s\"", role_names[access_role(doc, &r->user_id)]);
    doc_write_with(out, res->shape, doc, more);
}

static void
write_item(struct request *r, struct text *out, const bson_t *doc)
{
    crud_write(r, out, r->route->on, doc);
}

enum err
crud_list(struct request *r)
{
    const struct resource *res = r->route->on;
    bson_t base = BSON_INITIALIZER;
    enum err err = crud_page(r, res->store, res->list, &base, write_item);

    bson_destroy(&base);
    return err;
}

enum err
crud_get(struct request *r, enum store_name store, const bson_oid_t *id, const bson_t **out)
{
    bson_t filter = BSON_INITIALIZER, *doc;
    enum err err;

    BSON_APPEND_OID(&filter, "_id", id);
    err = store_get(r->store, store, &filter, NULL, &doc);
    bson_destroy(&filter);
    if (err == ERR_NONE)
        *out = request_keep(r, doc);
    return err;
}

/* The project as a change sees it: from the cache, if the topic's head says that it holds. */
static enum err
project_in_change(struct request *r, const bson_oid_t *id, const bson_t **out)
{
    int topic = change_topic(r->change, request_project_topic(r, id));
    bson_t *known = NULL;
    enum err err;

    if (topic >= 0)
        known = project_cache_get(id, change_unchanged(r->change, topic));
    if (known != NULL) {
        *out = request_keep(r, known);
        return ERR_NONE;
    }
    err = crud_get(r, STORE_PROJECTS, id, out);
    if (err == ERR_NONE && topic >= 0 && change_as_of(r->change, topic) >= 0)
        project_cache_note(&r->reads, id, change_as_of(r->change, topic), *out);
    return err;
}

enum err
crud_project(struct request *r, const bson_oid_t *id, enum action action, const bson_t **out)
{
    enum err err = bearer_reaches(r, id) ? ERR_NONE : ERR_NOT_FOUND;

    if (err == ERR_NONE)
        err = r->change != NULL ? project_in_change(r, id, out)
                                : crud_get(r, STORE_PROJECTS, id, out);
    if (err == ERR_NONE)
        err = access_check(*out, &r->user_id, action);
    if (err == ERR_NONE && (action == ACTION_WRITE || action == ACTION_COMMENT) &&
        doc_has(*out, "archivedAt"))
        err = request_fail(r, ERR_CONFLICT, CRUD_ARCHIVED);
    return err;
}

static const bson_oid_t *
project_of(const struct resource *res, const bson_t *doc)
{
    return doc_id(doc, res->is_project ? "_id" : "projectId");
}

enum err
crud_reply(struct request *r, int status, const struct resource *res, const bson_t *doc)
{
    crud_write(r, reply_json(r, status), res, doc);
    r->reply.etag = arena_printf(r->arena, "\"%lld\"", (long long)doc_int(doc, "rev"));
    return ERR_NONE;
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
        err = readable_get(r, res->store, &id, &doc);
    else if ((err = crud_project(r, &id, ACTION_READ, &doc)) == ERR_NONE &&
             doc_has(doc, "deletedAt"))
        err = ERR_NOT_FOUND;
    return err == ERR_NONE ? crud_reply(r, 200, res, doc) : err;
}

bson_t *
crud_new(struct request *r, int64_t now, bson_oid_t *id)
{
    bson_t *doc = request_keep(r, bson_new());

    bson_oid_init(id, NULL);
    BSON_APPEND_OID(doc, "_id", id);
    BSON_APPEND_INT64(doc, "rev", 1);
    BSON_APPEND_DATE_TIME(doc, "createdAt", now);
    BSON_APPEND_OID(doc, "createdBy", &r->user_id);
    BSON_APPEND_DATE_TIME(doc, "updatedAt", now);
    BSON_APPEND_OID(doc, "updatedBy", &r->user_id);
    return doc;
}

bson_t *
crud_without_virtual(struct request *r, const struct shape *shape, bson_t *doc)
{
    bson_t *kept = NULL;
    bson_iter_t iter;

    for (const struct field *f = shape->fields; f->name != NULL; f++)
        if ((f->flags & VIRTUAL) && bson_has_field(doc, f->name))
            kept = request_keep(r, bson_new());
    if (kept == NULL)
        return doc;
    bson_iter_init(&iter, doc);
    while (bson_iter_next(&iter)) {
        const struct field *f = doc_field(shape->fields, bson_iter_key(&iter));

        if (f == NULL || (f->flags & VIRTUAL) == 0)
            bson_append_iter(kept, NULL, 0, &iter);
    }
    return kept;
}

/* The event that tells of a document before and after; after NULL: it is gone. */
static enum err
tell(struct change *change, const struct resource *res, int topic, enum event_kind kind,
     const bson_t *before, const bson_t *after)
{
    struct text changes = {0}, data = {0};
    char id[25];
    struct event event = {.kind = kind, .rev = doc_int(after, "rev"), .entity_id = id};
    bool gone = res->forget != NULL && kind == res->removed;
    enum err err;

    bson_oid_to_string(doc_id(after, "_id"), id);
    if (before != NULL && !gone) {
        doc_changes(&changes, res->shape, before, after);
        event.changes = changes.bytes;
    }
    if (!gone) {
        doc_write(&data, res->shape, after);
        event.data = data.bytes;
    }
    err = change_event(change, topic, &event);
    text_free(&changes);
    text_free(&data);
    return err;
}

static const bson_t *
with_derived(struct request *r, const struct resource *res, const bson_t *doc)
{
    bson_t set = BSON_INITIALIZER;

    if (res->derive != NULL) {
        res->derive(doc, &set);
        doc = request_keep(r, doc_merge(doc, &set));
    }
    bson_destroy(&set);
    return doc;
}

enum err
crud_insert(struct request *r, struct change *change, const struct resource *res, int topic,
            enum event_kind kind, const bson_t *doc)
{
    enum err err;

    doc = with_derived(r, res, doc);
    err = store_insert(change_store(change), res->store, doc);
    if (err == ERR_NONE)
        err = tell(change, res, topic, kind, NULL, doc);
    return err == ERR_NONE && res->after != NULL ? res->after(r, change, NULL, doc) : err;
}

/* rev + 1, who and when, and what follows from the change. */
static bson_t *
next_version(struct request *r, struct change *change, const struct resource *res,
             const bson_t *before, const bson_t *after)
{
    bson_t stamp = BSON_INITIALIZER, *next;

    BSON_APPEND_INT64(&stamp, "rev", doc_int(before, "rev") + 1);
    BSON_APPEND_DATE_TIME(&stamp, "updatedAt", change_now(change));
    BSON_APPEND_OID(&stamp, "updatedBy", &r->user_id);
    if (res->derive != NULL)
        res->derive(after, &stamp);
    next = request_keep(r, doc_merge(after, &stamp));
    bson_destroy(&stamp);
    return next;
}

enum err
crud_store(struct request *r, struct change *change, const struct resource *res, int topic,
           enum event_kind kind, const bson_t *before, const bson_t *after, const bson_t **stored)
{
    bson_t filter = BSON_INITIALIZER, *next;
    int64_t matched;
    enum err err;

    *stored = before;
    if (bson_equal(before, after))
        return ERR_NONE;
    next = next_version(r, change, res, before, after);
    BSON_APPEND_OID(&filter, "_id", doc_id(before, "_id"));
    BSON_APPEND_INT64(&filter, "rev", doc_int(before, "rev"));
    err = store_replace(change_store(change), res->store, &filter, next, &matched);
    bson_destroy(&filter);
    if (err == ERR_NONE && matched == 0)
        err = ERR_RETRY;
    if (err == ERR_NONE)
        err = tell(change, res, topic, kind, before, next);
    if (err == ERR_NONE && res->after != NULL)
        err = res->after(r, change, before, next);
    *stored = next;
    return err;
}

/* A change of one entity, on its way through the transaction. */
struct work {
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
load(struct work *w, const bson_t **project, const bson_t **doc)
{
    enum err err = crud_project(w->r, &w->project, w->action, project);

    if (err == ERR_NONE && w->res->is_project)
        *doc = *project;
    else if (err == ERR_NONE && w->seen != NULL)
        *doc = w->seen; /* its rev is the guard: if it is stale, the next run reads */
    else if (err == ERR_NONE)
        err = crud_get(w->r, w->res->store, &w->id, doc);
    w->seen = NULL;
    w->moved = err == ERR_NONE && !bson_oid_equal(project_of(w->res, *doc), &w->project);
    if (w->moved)
        err = ERR_BUSY;
    if (err == ERR_NONE && w->res->may != NULL)
        err = w->res->may(w->r, *project, *doc, w->kind != w->res->changed);
    return err;
}

/* If-Match against the newest version; shows that one when it is stale. */
static enum err
precondition(struct work *w, const bson_t *project, const bson_t *doc)
{
    enum err err = request_precondition(w->r, doc_int(doc, "rev"),
                                        !w->res->is_project && doc_flag(project, "requireIfMatch"));

    if (err == ERR_STALE) {
        struct text current = {0};

        crud_write(w->r, &current, w->res, doc);
        w->r->current = arena_dup(w->r->arena, current.bytes);
        text_free(&current);
    }
    return err;
}

/* *doc with what the resource's own rules add and take away. */
static enum err
apply_rules(struct request *r, const struct resource *res, struct change *change,
            const bson_t *project, const bson_t *before, bson_t **doc)
{
    bson_t extra = BSON_INITIALIZER;
    enum err err = ERR_NONE;

    request_forgive(r);
    if (res->check != NULL)
        err = res->check(r, change, project, before, *doc, &extra);
    if (err == ERR_NONE)
        err = request_verdict(r);
    if (err == ERR_NONE && !bson_empty(&extra))
        *doc = request_keep(r, doc_merge(*doc, &extra));
    *doc = crud_without_virtual(r, res->shape, *doc);
    bson_destroy(&extra);
    return err;
}

enum err
crud_create(struct request *r, struct change *change, const struct resource *res, int topic,
            const bson_t *project, bson_t *doc)
{
    char id[25];
    enum err err;

    if ((err = apply_rules(r, res, change, project, NULL, &doc)) != ERR_NONE ||
        (err = crud_insert(r, change, res, topic, res->created, doc)) != ERR_NONE)
        return err;
    bson_oid_to_string(doc_id(doc, "_id"), id);
    r->reply.location = arena_printf(r->arena, "%s%s", res->path, id);
    return crud_reply(r, 201, res, doc);
}

static enum err
change_entity(struct change *change, void *arg)
{
    struct work *w = arg;
    const bson_t *project, *before, *stored;
    bson_t *after;
    enum err err = load(w, &project, &before);

    if (err == ERR_NONE && (doc_has(before, "deletedAt") || doc_has(project, "deletedAt")))
        err = ERR_NOT_FOUND;
    if (err != ERR_NONE || (err = precondition(w, project, before)) != ERR_NONE)
        return err;
    after = request_keep(w->r, doc_merge(before, w->change));
    if ((err = apply_rules(w->r, w->res, change, project, before, &after)) != ERR_NONE ||
        (err = crud_store(w->r, change, w->res, 0, w->kind, before, after, &stored)) != ERR_NONE)
        return err;
    return crud_reply(w->r, 200, w->res, stored);
}

/* To the trash, or back (w->kind tells). */
static enum err
bin_entity(struct change *change, void *arg)
{
    struct work *w = arg;
    const bson_t *project, *before, *after, *stored;
    bool back = w->kind == w->res->restored;
    bson_t *set;
    enum err err = load(w, &project, &before);

    if (err == ERR_NONE && !w->res->is_project && doc_has(project, "deletedAt"))
        err = ERR_NOT_FOUND;
    if (err == ERR_NONE && !back && doc_has(before, "deletedAt"))
        err = ERR_NOT_FOUND;
    if (err == ERR_NONE && w->res->is_project && doc_flag(before, "inbox"))
        err = request_fail(w->r, ERR_CONFLICT, "the personal project stays");
    if (err != ERR_NONE || (err = precondition(w, project, before)) != ERR_NONE)
        return err;
    set = request_keep(w->r, bson_new());
    if (back)
        BSON_APPEND_NULL(set, "deletedAt");
    else
        BSON_APPEND_DATE_TIME(set, "deletedAt", change_now(change));
    if (!back && w->res->forget != NULL) {
        w->res->forget(set);
        err = event_log_forget(change, NULL, &w->id);
        if (err != ERR_NONE)
            return err;
    }
    after = request_keep(w->r, doc_merge(before, set));
    err = crud_store(w->r, change, w->res, 0, w->kind, before, after, &stored);
    if (err != ERR_NONE)
        return err;
    return back ? crud_reply(w->r, 200, w->res, stored) : reply_empty(w->r, 204);
}

/* Looks up which project's topic it concerns, then runs the change there. */
static enum err
run_once(struct request *r, change_fn fn, struct work *w)
{
    struct change_plan plan = {.topic_count = 1, .fn = fn, .arg = w};
    const bson_t *doc;
    enum err err;

    w->project = w->id;
    w->moved = false;
    w->seen = NULL;
    if (!w->res->is_project) {
        err = crud_get(r, w->res->store, &w->id, &doc);
        if (err != ERR_NONE && err != ERR_NOT_FOUND)
            return err;
        /* An id that nothing has fails in the transaction like one of somebody else's: the time
         * that the answer takes must not tell the two apart. */
        if (err == ERR_NONE) {
            w->project = *project_of(w->res, doc);
            w->seen = doc;
        }
    }
    plan.topics[0] = request_project_topic(r, &w->project);
    return request_change(r, &plan);
}

static enum err
run(struct request *r, change_fn fn, struct work *w)
{
    enum err err;

    if ((err = request_id_arg(r, 0, &w->id)) != ERR_NONE ||
        (err = request_params_done(r)) != ERR_NONE)
        return err;
    for (int look = 1; look <= CRUD_LOOKS; look++)
        if ((err = run_once(r, fn, w)) != ERR_BUSY || !w->moved)
            break;
    return err;
}

enum err
crud_change(struct request *r)
{
    const struct resource *res = r->route->on;
    struct work w = {.r = r, .res = res, .action = res->change, .kind = res->changed};
    bson_t *change = request_keep(r, bson_new());
    enum err err = doc_read(r, DOC_CHANGE, res->shape->fields, r->json, change);

    w.change = change;
    return err == ERR_NONE ? run(r, change_entity, &w) : err;
}

enum err
crud_remove(struct request *r)
{
    const struct resource *res = r->route->on;
    struct work w = {.r = r, .res = res, .action = res->remove, .kind = res->removed};

    return run(r, bin_entity, &w);
}

enum err
crud_restore(struct request *r)
{
    const struct resource *res = r->route->on;
    struct work w = {.r = r, .res = res, .action = res->remove, .kind = res->restored};

    return run(r, bin_entity, &w);
}
