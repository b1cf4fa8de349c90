/*
 * Versions, rules and events of entities.
 */
#include "api/crud/entity.h"

#include "api/access/entity_project.h"
#include "api/access/project_access.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/http/router.h"
#include "api/schema/doc.h"
#include "api/schema/doc_changes.h"
#include "common/base/id.h"
#include "common/store/store_gather.h"

void
entity_write(struct request *r, struct text *out, const struct resource *res, const bson_t *doc)
{
    const char *more = "";

    if (res->is_project)
        more = arena_printf(r->arena, ",\"role\":\"%s\"", role_names[project_access_role(r, doc)]);
    if (res->is_project && r->job[0] != '\0')
        more = arena_printf(r->arena, "%s,\"jobId\":\"%s\"", more, r->job);
    doc_write_with(out, res->shape, doc, more);
}

void
entity_write_own(struct request *r, struct text *out, const bson_t *doc)
{
    entity_write(r, out, r->route->on, doc);
}

enum err
entity_reply(struct request *r, int status, const struct resource *res, const bson_t *doc)
{
    entity_write(r, reply_json(r, status), res, doc);
    reply_etag(r, doc);
    return ERR_NONE;
}

enum err
entity_read_own(struct request *r, const struct resource *res, bson_t *own)
{
    const bson_t *doc;
    bson_oid_t id;
    enum err err;

    if ((err = request_id_arg(r, 0, &id)) != ERR_NONE || (err = request_params_done(r)) != ERR_NONE)
        return err;
    BSON_APPEND_OID(own, "_id", &id);
    err = request_find(r, r->store, res->store, own, &doc);
    return err == ERR_NONE ? entity_reply(r, 200, res, doc) : err;
}

enum err
entity_stale(struct request *r, const bson_t *doc, entity_writer write)
{
    struct text current = {0};

    write(r, &current, doc);
    r->current = arena_dup(r->arena, current.bytes);
    text_free(&current);
    return ERR_STALE;
}

enum err
entity_precondition(struct request *r, const bson_t *doc, bool demanded, entity_writer write)
{
    enum err err = request_precondition(r, doc_int(doc, "rev"), demanded);

    return err == ERR_STALE ? entity_stale(r, doc, write) : err;
}

bson_t *
entity_new(struct request *r, int64_t now)
{
    bson_t *doc = request_keep(r, bson_new());
    bson_oid_t id;

    bson_oid_init(&id, NULL);
    BSON_APPEND_OID(doc, "_id", &id);
    BSON_APPEND_INT64(doc, "rev", 1);
    BSON_APPEND_DATE_TIME(doc, "createdAt", now);
    BSON_APPEND_OID(doc, "createdBy", &r->user_id);
    BSON_APPEND_DATE_TIME(doc, "updatedAt", now);
    BSON_APPEND_OID(doc, "updatedBy", &r->user_id);
    return doc;
}

int64_t
entity_next_rev(const bson_t *before)
{
    return doc_int(before, "rev") + 1;
}

void
entity_stamp(bson_t *out, const bson_t *before, int64_t now)
{
    BSON_APPEND_INT64(out, "rev", entity_next_rev(before));
    BSON_APPEND_DATE_TIME(out, "updatedAt", now);
}

bson_t *
entity_update(struct request *r, int64_t now, const bson_t *set)
{
    bson_t *update = request_keep(r, bson_new()), part;

    BSON_APPEND_DOCUMENT_BEGIN(update, "$set", &part);
    bson_concat(&part, set);
    BSON_APPEND_DATE_TIME(&part, "updatedAt", now);
    bson_append_document_end(update, &part);
    BSON_APPEND_DOCUMENT_BEGIN(update, "$inc", &part);
    BSON_APPEND_INT64(&part, "rev", 1);
    bson_append_document_end(update, &part);
    return update;
}

const bson_t *
entity_without_virtual(struct request *r, const struct shape *shape, const bson_t *doc)
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

/* Does it come from another project? */
static bool
arrives(const bson_t *before, const bson_t *after)
{
    const bson_oid_t *from = doc_id(before, "projectId"), *to = doc_id(after, "projectId");

    return from != NULL && to != NULL && !bson_oid_equal(from, to);
}

/*
 * The changes for an event.  For a document from another project only what it is here: the members
 * of one project may not know the other's users, labels and tasks.
 */
static void
write_changes(struct text *out, const struct entity_change *e, const bson_t *before,
              const bson_t *after)
{
    if (arrives(before, after))
        doc_changes_half(out, e->resource->shape, before, after, false);
    else
        doc_changes(out, e->resource->shape, before, after, e->moved);
}

/* Appends the event with a document before and after. */
static enum err
tell(const struct entity_change *e, enum event_kind kind, const bson_t *before, const bson_t *after)
{
    const struct resource *res = e->resource;
    struct text changes = {0}, data = {0}, counts = {0};
    char id[ID_TEXT];
    struct event event = {.kind = kind, .rev = doc_int(after, "rev"), .entity_id = id};
    bool forgotten = res->forget != NULL && kind == res->removed;
    enum err err = ERR_NONE;

    bson_oid_to_string(doc_id(after, "_id"), id);
    if (res->count != NULL && (before == NULL || !arrives(before, after)))
        err = res->count(&(struct counting){e->r, &event, &counts}, before, after);
    if (before != NULL && !forgotten) {
        write_changes(&changes, e, before, after);
        event.changes = changes.bytes;
    }
    if (!forgotten) {
        doc_write(&data, res->shape, after);
        event.data = data.bytes;
    }
    if (err == ERR_NONE)
        err = change_event(e->change, e->topic, &event);
    text_free(&counts);
    text_free(&changes);
    text_free(&data);
    return err;
}

static const bson_t *
with_derived(const struct entity_change *e, const bson_t *doc)
{
    bson_t set = BSON_INITIALIZER;

    if (e->resource->derive != NULL) {
        e->resource->derive(doc, &set);
        doc = request_keep(e->r, doc_merge(doc, &set));
    }
    bson_destroy(&set);
    return doc;
}

enum err
entity_insert(const struct entity_change *e, const bson_t *doc)
{
    const struct resource *res = e->resource;
    enum err err;

    doc = with_derived(e, doc);
    store_gather_insert(change_store(e->change), res->store, doc);
    err = tell(e, res->created, NULL, doc);
    return err == ERR_NONE && res->after != NULL ? res->after(e->r, e->change, NULL, doc) : err;
}

enum err
entity_create(const struct entity_change *e, const bson_t *project, bson_t *doc)
{
    char id[ID_TEXT];
    enum err err;

    if ((err = entity_apply_rules(e, project, NULL, &doc)) != ERR_NONE ||
        (err = entity_insert(e, doc)) != ERR_NONE)
        return err;
    if (e->resource->is_project || doc_has(doc, "projectId")) /* the caller will change it next */
        entity_project_put(&e->r->user_id, doc_id(doc, "_id"),
                           doc_id(doc, e->resource->is_project ? "_id" : "projectId"));
    bson_oid_to_string(doc_id(doc, "_id"), id);
    e->r->reply.location = arena_printf(e->r->arena, "%s%s", e->resource->path, id);
    return entity_reply(e->r, 201, e->resource, doc);
}

/* The next version of before: after, who changed it when, and the derived fields. */
static bson_t *
next_version(const struct entity_change *e, const bson_t *before, const bson_t *after)
{
    bson_t stamp = BSON_INITIALIZER, *next;

    entity_stamp(&stamp, before, change_now(e->change));
    BSON_APPEND_OID(&stamp, "updatedBy", &e->r->user_id);
    if (e->resource->derive != NULL)
        e->resource->derive(after, &stamp);
    next = request_keep(e->r, doc_merge(after, &stamp));
    bson_destroy(&stamp);
    return next;
}

enum err
entity_store(const struct entity_change *e, enum event_kind kind, const bson_t *before,
             const bson_t *after, const bson_t **stored)
{
    const struct resource *res = e->resource;
    bson_t *next;
    enum err err;

    *stored = before;
    if (bson_equal(before, after))
        return ERR_NONE;
    next = next_version(e, before, after);
    store_gather_replace(change_store(e->change), res->store, doc_int(before, "rev"), next);
    err = tell(e, kind, before, next);
    if (err == ERR_NONE && res->after != NULL)
        err = res->after(e->r, e->change, before, next);
    *stored = next;
    return err;
}

enum err
entity_apply_rules(const struct entity_change *e, const bson_t *project, const bson_t *before,
                   bson_t **doc)
{
    bson_t extra = BSON_INITIALIZER;
    const struct entity_rules rules = {e->r, e->change, project, before, *doc, &extra};
    enum err err = ERR_NONE;

    request_clear_complaints(e->r);
    if (e->resource->check != NULL)
        err = e->resource->check(&rules);
    if (err == ERR_NONE)
        err = request_validated(e->r);
    if (err == ERR_NONE && !bson_empty(&extra))
        *doc = request_keep(e->r, doc_merge(*doc, &extra));
    *doc = (bson_t *)(uintptr_t)entity_without_virtual(e->r, e->resource->shape, *doc);
    bson_destroy(&extra);
    return err;
}

void
entity_rule_archived(const struct entity_rules *u)
{
    if (!bson_has_field(u->after, "archived"))
        return;
    if (!doc_flag(u->after, "archived"))
        BSON_APPEND_NULL(u->extra, "archivedAt");
    else if (!doc_has(u->after, "archivedAt"))
        BSON_APPEND_DATE_TIME(u->extra, "archivedAt", change_now(u->change));
}
