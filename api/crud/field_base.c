/*
 * Compares what a request changes with what events since its base have changed.
 */
#include "api/crud/field_base.h"

#include <string.h>

#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/base/id.h"
#include "common/change/change.h"
#include "common/change/event_log.h"
#include "common/text/json.h"

void
field_names_add(struct field_names *out, const char *name)
{
    if (out->count < FIELD_BASE_NAMES)
        out->names[out->count++] = name;
}

/* Does the change leave the field as it is?  A virtual flag sets or clears its couple. */
static bool
is_same(const struct field *f, const bson_t *change, const bson_t *before)
{
    if ((f->flags & VIRTUAL) && f->couple != NULL)
        return doc_flag(change, f->name) == doc_has(before, f->couple);
    return !doc_differs(before, change, f->name);
}

void
field_names_of(struct field_names *out, const struct shape *shape, const bson_t *change,
               const bson_t *before)
{
    bson_iter_t iter;

    bson_iter_init(&iter, change);
    while (bson_iter_next(&iter)) {
        const struct field *f = doc_field(shape->fields, bson_iter_key(&iter));

        if (f != NULL && !is_same(f, change, before))
            field_names_add(out, f->name);
    }
}

/* The events since a base, compared with the fields that a request changes. */
struct comparison {
    const struct field *fields;
    const struct field_names *names;
    int64_t base;
    bool reached;               /* all events since the base have been seen */
    bool hit[FIELD_BASE_NAMES]; /* which names are in conflict */
    bool found;                 /* the event being compared is in conflict */
    int seen;
    char changed_by[ID_TEXT]; /* "": no conflict yet */
};

/* The name by which a field is compared: that of its couple, if it has one. */
static const char *
name_of(const struct field *fields, const char *path, size_t *len)
{
    *len = strcspn(path, "/");
    for (const struct field *f = fields; f->name != NULL; f++) {
        if (f->couple == NULL || strlen(f->name) != *len || memcmp(f->name, path, *len) != 0)
            continue;
        *len = strlen(f->couple);
        return f->couple;
    }
    return path;
}

/* Is one path the other, or does it lead to a part of it? */
static bool
overlaps(const struct field *fields, const char *a, const char *b)
{
    size_t a_len, b_len, n = 0;
    const char *a_name = name_of(fields, a, &a_len), *b_name = name_of(fields, b, &b_len);

    if (a_len != b_len || memcmp(a_name, b_name, a_len) != 0)
        return false;
    a += strcspn(a, "/");
    b += strcspn(b, "/");
    while (a[n] != '\0' && a[n] == b[n])
        n++;
    return (a[n] == '\0' && (b[n] == '\0' || b[n] == '/')) || (b[n] == '\0' && a[n] == '/');
}

static void
compare(void *arg, const char *name, size_t len)
{
    struct comparison *c = arg;
    struct text path = {0};
    bool arrived;

    text_add(&path, name, len);
    /* It came from another project, and the event does not tell what else that has changed. */
    arrived = strcmp(path.bytes, "projectId") == 0;
    for (int i = 0; i < c->names->count; i++) {
        if (arrived || overlaps(c->fields, c->names->names[i], path.bytes))
            c->hit[i] = c->found = true;
    }
    text_free(&path);
}

static void
hit_all(struct comparison *c)
{
    for (int i = 0; i < c->names->count; i++)
        c->hit[i] = c->found = true;
}

/* Events come newest first. */
static enum err
compare_event(void *arg, const struct event_item *item)
{
    struct comparison *c = arg;

    c->seen++;
    if (c->reached || item->rev <= c->base) {
        c->reached = true;
        return ERR_NONE;
    }
    c->found = false;
    if (!event_changed(item->frame, item->len, compare, c))
        hit_all(c);
    if (c->found && c->changed_by[0] == '\0' && item->actor_id != NULL)
        memcpy(c->changed_by, item->actor_id, sizeof(c->changed_by));
    c->reached = item->rev == c->base + 1;
    return ERR_NONE;
}

static enum err
compare_unsent(void *arg, const bson_t *doc)
{
    return event_log_item(doc, compare_event, arg);
}

/* The topic that has the entity's events: its project's, or that of the user who owns it. */
static const char *
topic_of(const struct entity_change *e, const bson_t *doc)
{
    if (doc_has(doc, "projectId"))
        return request_project_topic(e->r, doc_id(doc, "projectId"));
    return e->resource->is_project ? request_project_topic(e->r, doc_id(doc, "_id"))
                                   : request_user_topic(e->r, doc_id(doc, "userId"));
}

/* Compares with the transaction's own events first, then with those in the log. */
static enum err
compare_events(const struct entity_change *e, const bson_t *doc, struct comparison *c)
{
    const bson_oid_t *id = doc_id(doc, "_id");
    int64_t behind = doc_int(doc, "rev") - c->base;
    struct event_history history = {.topic = topic_of(e, doc), .entity = id, .before = INT64_MAX};
    enum err err;

    if (behind < 0 || behind > FIELD_BASE_EVENTS)
        return ERR_NONE;
    err = change_unsent(e->change, history.topic, id, compare_unsent, c);
    if (err != ERR_NONE || c->reached)
        return err;
    history.limit = (int)behind + 1 - c->seen; /* with the event before them, if it is there */
    return history.limit <= 0
               ? ERR_NONE
               : event_log_entity(change_store(e->change), &history, compare_event, c);
}

/* The problem's members: the names in conflict, and who changed one of them last. */
static void
tell(struct request *r, const bson_t *doc, const struct comparison *c)
{
    struct text list = {0};

    text_putc(&list, '[');
    for (int i = 0; i < c->names->count; i++) {
        if (!c->hit[i])
            continue;
        if (list.len > 1)
            text_putc(&list, ',');
        json_string(&list, c->names->names[i], strlen(c->names->names[i]));
    }
    text_putc(&list, ']');
    r->conflicts = arena_dup(r->arena, list.bytes);
    text_free(&list);
    if (c->changed_by[0] == '\0')
        bson_oid_to_string(doc_id(doc, "updatedBy"), r->changed_by);
    else
        memcpy(r->changed_by, c->changed_by, sizeof(r->changed_by));
}

enum err
field_base_check(const struct entity_change *e, const bson_t *doc, const struct field_names *names)
{
    struct request *r = e->r;
    struct comparison c = {.fields = e->resource->shape->fields, .names = names, .base = r->base};
    bool conflict = false;
    enum err err;

    if (r->base == 0 || r->base == doc_int(doc, "rev") || names->count == 0)
        return ERR_NONE;
    if ((err = compare_events(e, doc, &c)) != ERR_NONE)
        return err;
    if (!c.reached)
        hit_all(&c);
    for (int i = 0; i < names->count; i++)
        conflict = conflict || c.hit[i];
    if (!conflict)
        return ERR_NONE;
    tell(r, doc, &c);
    request_fail(r, ERR_STALE, "fields that this changes have been changed since revision %lld",
                 (long long)r->base);
    return entity_stale(r, doc, entity_write_own);
}
