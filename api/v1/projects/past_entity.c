/*
 * How an entity was then is in its newest event up to the number, if that has the document; or it
 * follows from what it is now, or from an older document, and the changes in between.
 */
#include "api/v1/projects/past_entity.h"

#include <stdlib.h>
#include <string.h>

#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/schema/doc_load.h"
#include "api/schema/doc_revert.h"
#include "common/base/vec.h"
#include "common/change/event_log.h"
#include "common/text/json.h"
#include "common/time/clock.h"

struct reading {
    struct past *p;
    const struct shape *shape;
    struct past_state *out;
};

static enum err
note_state(void *arg, const struct event_item *item)
{
    const struct reading *s = arg;
    struct past_state *out = s->out;
    struct event_content content;
    char at[CLOCK_INSTANT];
    bson_t *public_doc;

    out->found = true;
    out->rev = item->rev;
    if (json_member(item->frame, item->len, "at", at, sizeof(at)))
        (void)clock_read(at, strlen(at), &out->at);
    out->has_actor = item->actor_id != NULL;
    if (out->has_actor)
        bson_oid_init_from_string(&out->actor, item->actor_id);
    if (s->shape == NULL || !event_content(item->frame, item->len, &content) ||
        content.data[0] != '{')
        return ERR_NONE;
    public_doc = bson_new_from_json((const uint8_t *)content.data, (ssize_t)content.data_len, NULL);
    if (public_doc != NULL)
        out->doc = doc_load(s->shape, public_doc);
    if (out->doc != NULL)
        request_keep(s->p->r, out->doc);
    bson_destroy(public_doc);
    return ERR_NONE;
}

enum err
past_state(struct past *p, const struct shape *shape, const bson_oid_t *id, struct past_state *out)
{
    struct reading s = {p, shape, out};

    *out = (struct past_state){.doc = NULL};
    return event_log_entity(p->r->store, &(struct event_history){p->topic, id, p->at + 1, 1, NULL},
                            note_state, &s);
}

enum err
past_then(struct past *p, struct past_change *c)
{
    struct past_state state;
    enum err err;

    if (c->came || c->kind == EVENT_TASK_CREATED || c->kind == EVENT_ATTACHMENT_CREATED)
        return ERR_NONE;
    err = past_state(p, past_classes[c->class].shape, &c->id, &state);
    c->then = state.doc;
    c->rebuild = state.doc == NULL;
    return err;
}

enum err
past_member_version(struct past *p, int64_t rev, struct past_state *out)
{
    struct reading s = {p, NULL, out};
    bson_t *filter = request_keep(p->r, BCON_NEW("topic", BCON_UTF8(p->topic), "seq", "{", "$gt",
                                                 BCON_INT64(p->at - PAST_EVENTS), "$lte",
                                                 BCON_INT64(p->at), "}", "kind", "{", "$in", "[",
                                                 BCON_UTF8(event_rows[EVENT_MEMBER_ADDED].kind),
                                                 BCON_UTF8(event_rows[EVENT_MEMBER_UPDATED].kind),
                                                 BCON_UTF8(event_rows[EVENT_MEMBER_REMOVED].kind),
                                                 "]", "}", "rev", BCON_INT64(rev)));
    bson_t *opts = request_keep(p->r, BCON_NEW("sort", "{", "topic", BCON_INT32(-1), "seq",
                                               BCON_INT32(-1), "}", "limit", BCON_INT64(1)));

    *out = (struct past_state){.doc = NULL};
    return event_log_find(p->r->store, filter, opts, note_state, &s);
}

struct rebuilding {
    struct past *p;
    const struct shape *shape;
    bson_t *doc;
    struct text fields; /* that are not told */
};

static void
add_field(struct text *fields, const char *name, size_t len)
{
    struct text quoted = {0};

    json_string(&quoted, name, len);
    if (fields->len == 0 || strstr(fields->bytes, quoted.bytes) == NULL) {
        text_puts(fields, fields->len > 0 ? "," : "");
        text_puts(fields, quoted.bytes);
    }
    text_free(&quoted);
}

/* Takes back one event; they come newest first. */
static enum err
take_back(void *arg, const struct event_item *item)
{
    struct rebuilding *b = arg;
    struct request *r = b->p->r;
    struct doc_reverted was = {.set = request_keep(r, bson_new())};
    bson_t *changes;

    if (item->seq <= b->p->at)
        return ERR_NOT_FOUND; /* there are no more */
    if ((changes = past_changes(item)) == NULL) {
        for (const struct field *f = b->shape->fields; f->name != NULL; f++)
            if (doc_is_public(f) && (f->flags & (MUST_SET | MAY_EDIT)) && !(f->flags & VIRTUAL))
                add_field(&b->fields, f->name, strlen(f->name));
        return ERR_NONE;
    }
    doc_revert(b->shape, changes, b->doc, &was);
    for (int i = 0; i < was.untold_count; i++)
        add_field(&b->fields, was.untold[i], strcspn(was.untold[i], "/"));
    b->doc = request_keep(r, doc_merge(b->doc, was.set));
    bson_destroy(changes);
    return ERR_NONE;
}

/* An entity's events up to the number, newest first, until one has its document. */
struct replaying {
    struct past *p;
    const struct shape *shape;
    struct past_state state; /* of the one that has */
    bson_t **changes;        /* of those after it, with before and after exchanged */
    uint32_t count, room;
    bool lost; /* one of them does not tell what has changed */
};

static enum err
note_earlier(void *arg, const struct event_item *item)
{
    struct replaying *w = arg;
    struct reading s = {w->p, w->shape, &w->state};
    enum err err = note_state(&s, item);
    bson_t *changes;

    if (err != ERR_NONE || w->state.doc != NULL)
        return err == ERR_NONE ? ERR_NOT_FOUND : err; /* that is enough */
    changes = past_changes(item);
    w->lost = w->lost || changes == NULL || bson_has_field(changes, "projectId");
    if (changes != NULL && !w->lost) {
        w->changes = vec_room(w->changes, w->count, &w->room, sizeof(*w->changes));
        w->changes[w->count] = request_keep(w->p->r, bson_new());
        doc_revert_swap(changes, w->changes[w->count++]);
    }
    bson_destroy(changes);
    return w->lost ? ERR_NOT_FOUND : ERR_NONE;
}

enum err
past_replay(struct past *p, const struct shape *shape, const bson_oid_t *id, bson_t **out)
{
    struct request *r = p->r;
    struct replaying w = {.p = p, .shape = shape};
    struct past_state newest;
    struct text fields = {0};
    bson_t *doc, *set;
    enum err err = event_log_entity(
        r->store, &(struct event_history){p->topic, id, p->at + 1, PAST_EVENTS, NULL}, note_earlier,
        &w);

    *out = NULL;
    err = err == ERR_NOT_FOUND ? ERR_NONE : err;
    if (err == ERR_NONE && w.state.doc != NULL && !w.lost)
        err = past_state(p, shape, id, &newest);
    if (err != ERR_NONE || w.state.doc == NULL || w.lost) {
        free(w.changes);
        return err;
    }
    doc = w.state.doc;
    for (uint32_t i = w.count; i > 0; i--) {
        struct doc_reverted next = {.set = request_keep(r, bson_new())};

        doc_revert(shape, w.changes[i - 1], doc, &next);
        for (int n = 0; n < next.untold_count; n++)
            add_field(&fields, next.untold[n], strcspn(next.untold[n], "/"));
        doc = request_keep(r, doc_merge(doc, next.set));
    }
    set = request_keep(
        r, BCON_NEW("rev", BCON_INT64(newest.rev), "updatedAt", BCON_DATE_TIME(newest.at)));
    if (newest.has_actor)
        BSON_APPEND_OID(set, "updatedBy", &newest.actor);
    *out = request_keep(r, doc_merge(doc, set));
    if (fields.len > 0)
        past_omit(p, PAST_TASK, id, fields.bytes);
    text_free(&fields);
    free(w.changes);
    return ERR_NONE;
}

/* Who changed it last up to the number, and when; if the log no longer has that, who created it. */
static void
append_version(struct rebuilding *b, const struct past_state *state, int64_t rev, bson_t *set)
{
    const bson_oid_t *by = doc_id(b->doc, "createdBy");
    int64_t at = 0;

    BSON_APPEND_INT64(set, "rev", rev);
    if (state->found && state->has_actor) {
        BSON_APPEND_DATE_TIME(set, "updatedAt", state->at);
        BSON_APPEND_OID(set, "updatedBy", &state->actor);
        return;
    }
    doc_time(b->doc, "createdAt", &at);
    BSON_APPEND_DATE_TIME(set, "updatedAt", at);
    if (by != NULL)
        BSON_APPEND_OID(set, "updatedBy", by);
    add_field(&b->fields, "updatedAt", 9);
    add_field(&b->fields, "updatedBy", 9);
}

enum err
past_rebuild(struct past *p, enum past_class class, const bson_t *now, bson_t **out)
{
    const bson_oid_t *id = doc_id(now, "_id");
    struct rebuilding b = {
        .p = p, .shape = past_classes[class].shape, .doc = request_keep(p->r, bson_copy(now))};
    const struct past_change *c = past_find(p, class, id);
    struct past_state state;
    bson_t *set = request_keep(p->r, bson_new());
    enum err err;

    if (c == NULL)
        return ERR_INTERNAL;
    err = event_log_entity(p->r->store,
                           &(struct event_history){p->topic, id, p->head + 1, PAST_EVENTS, NULL},
                           take_back, &b);
    if (err == ERR_NOT_FOUND)
        err = ERR_NONE;
    if (err == ERR_NONE && (err = past_state(p, b.shape, id, &state)) == ERR_NONE) {
        append_version(&b, &state, c->rev - 1, set);
        *out = request_keep(p->r, doc_merge(b.doc, set));
        if (b.fields.len > 0)
            past_omit(p, class, id, b.fields.bytes);
    }
    text_free(&b.fields);
    return err;
}
