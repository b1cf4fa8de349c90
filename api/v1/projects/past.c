/*
 * One pass over the events after the number finds what has changed; how an entity was then is in
 * its newest event before that.
 */
#include "api/v1/projects/past.h"

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

static struct past_change *
add(struct past *p, enum past_class class, const bson_oid_t *id)
{
    struct past_change *c;

    p->changes = vec_room(p->changes, p->count, &p->room, sizeof(*p->changes));
    c = &p->changes[p->count++];
    *c = (struct past_change){.class = class, .id = *id, .kind = EVENT__COUNT};
    return c;
}

/* The changes of a frame, the caller's to destroy; NULL: the event does not tell them. */
static bson_t *
read_changes(const struct event_item *item)
{
    struct event_content content;

    if (!event_content(item->frame, item->len, &content) || content.changes[0] != '{')
        return NULL;
    return bson_new_from_json((const uint8_t *)content.changes, (ssize_t)content.changes_len, NULL);
}

/* The value of a field before the change. */
static bool
find_before(const bson_t *changes, const char *name, bson_iter_t *out)
{
    bson_iter_t iter;

    return changes != NULL && bson_iter_init_find(&iter, changes, name) &&
           bson_iter_recurse(&iter, out) && bson_iter_next(out);
}

static int64_t
count_before(const bson_t *changes, const char *name)
{
    bson_iter_t was;

    return find_before(changes, name, &was) ? bson_iter_as_int64(&was) : 0;
}

/* A move between projects has the project in its changes. */
static void
note_move(struct past_change *c, const struct event_item *item)
{
    bson_t *changes = read_changes(item);
    bson_iter_t was;

    if (find_before(changes, "projectId", &was)) {
        c->came = BSON_ITER_HOLDS_NULL(&was);
        c->left = !c->came;
        c->left_comments = count_before(changes, "comments");
        c->left_attachments = count_before(changes, "attachments");
    }
    bson_destroy(changes);
}

static void
note_member(struct past *p, struct past_change *c, const struct event_item *item)
{
    bson_t *changes = read_changes(item);
    bson_iter_t was;

    c->erased = !find_before(changes, "role", &was);
    if (!c->erased && BSON_ITER_HOLDS_UTF8(&was))
        c->role = arena_dup(p->r->arena, bson_iter_utf8(&was, NULL));
    bson_destroy(changes);
}

/* The task that a comment or a file belongs to has one more, or one less. */
static void
note_count(struct past *p, enum event_kind kind, const struct event_item *item)
{
    bool comment = kind == EVENT_COMMENT_CREATED || kind == EVENT_COMMENT_DELETED;
    bool more = kind == EVENT_COMMENT_CREATED || kind == EVENT_ATTACHMENT_CREATED;
    bool less = kind == EVENT_COMMENT_DELETED || kind == EVENT_ATTACHMENT_DELETED;
    struct past_change *c;

    if (item->counted_count == 0 || (!more && !less))
        return;
    c = add(p, PAST_TASK, &item->counted[0]);
    c->seq = item->seq;
    *(comment ? &c->comments : &c->attachments) = more ? 1 : -1;
}

static bool
find_class(const char *entity, enum past_class *class)
{
    static const char *const names[] = {"project", "task", "attachment", "member"};

    for (int i = 0; i < 4; i++)
        if (strcmp(entity, names[i]) == 0) {
            *class = (enum past_class)i;
            return true;
        }
    return false;
}

static enum err
note_event(void *arg, const struct event_item *item)
{
    struct past *p = arg;
    enum event_kind kind = event_kind_of(item->kind);
    struct past_change *c;
    enum past_class class;
    bson_oid_t id;

    if (kind == EVENT__COUNT || strlen(item->entity_id) != ID_DIGITS)
        return ERR_NONE;
    note_count(p, kind, item);
    if (!find_class(event_rows[kind].entity, &class))
        return ERR_NONE;
    bson_oid_init_from_string(&id, item->entity_id);
    c = add(p, class, &id);
    c->seq = item->seq;
    c->rev = item->rev;
    c->kind = kind;
    if (kind == EVENT_TASK_MOVED)
        note_move(c, item);
    if (class == PAST_MEMBER)
        note_member(p, c, item);
    return ERR_NONE;
}

static int
compare(const void *a, const void *b)
{
    const struct past_change *x = a, *y = b;
    int order = (int)x->class - (int)y->class;

    if (order == 0)
        order = memcmp(&x->id, &y->id, sizeof(x->id));
    return order != 0 ? order : (x->seq > y->seq) - (x->seq < y->seq);
}

/* Adds a later change of the same entity. */
static void
merge(struct past_change *to, const struct past_change *next)
{
    int64_t comments = to->comments, attachments = to->attachments;
    bool left = to->left;

    if (to->kind == EVENT__COUNT && next->kind != EVENT__COUNT) {
        *to = *next;
        to->comments = comments;
        to->attachments = attachments;
        return;
    }
    if (left)
        return;
    to->comments += next->comments;
    to->attachments += next->attachments;
    to->left = next->left;
    to->left_comments = next->left_comments;
    to->left_attachments = next->left_attachments;
}

enum err
past_read(struct past *p)
{
    bson_t *filter =
        request_keep(p->r, BCON_NEW("topic", BCON_UTF8(p->topic), "seq", "{", "$gt",
                                    BCON_INT64(p->at), "$lte", BCON_INT64(p->head), "}"));
    bson_t *opts = request_keep(
        p->r, BCON_NEW("sort", "{", "topic", BCON_INT32(1), "seq", BCON_INT32(1), "}"));
    enum err err = event_log_find(p->r->store, filter, opts, note_event, p);
    uint32_t kept = 0;

    if (p->count > 0)
        qsort(p->changes, p->count, sizeof(*p->changes), compare);
    for (uint32_t i = 0; i < p->count; i++) {
        struct past_change *last = kept > 0 ? &p->changes[kept - 1] : NULL;

        if (last != NULL && last->class == p->changes[i].class &&
            bson_oid_equal(&last->id, &p->changes[i].id))
            merge(last, &p->changes[i]);
        else
            p->changes[kept++] = p->changes[i];
    }
    p->count = kept;
    return err;
}

void
past_free(void *past)
{
    struct past *p = past;

    free(p->changes);
    p->changes = NULL;
    p->count = p->room = 0;
}

struct past_change *
past_find(const struct past *p, enum past_class class, const bson_oid_t *id)
{
    uint32_t low = 0, high = p->count;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        struct past_change *c = &p->changes[mid];
        int order = (int)c->class - (int)class;

        if (order == 0)
            order = memcmp(&c->id, id, sizeof(*id));
        if (order == 0)
            return c;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

uint32_t
past_class(const struct past *p, enum past_class class, struct past_change **first)
{
    uint32_t from = 0, count = 0;

    while (from < p->count && p->changes[from].class < class)
        from++;
    while (from + count < p->count && p->changes[from + count].class == class)
        count++;
    *first = count == 0 ? NULL : p->changes + from;
    return count;
}

/* ------------------------------------------------------------ an entity as it was */

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

void
past_omit(struct past *p, const char *entity, const bson_oid_t *id, const char *fields)
{
    char hex[ID_TEXT];

    bson_oid_to_string(id, hex);
    p->omitted = arena_printf(p->r->arena, "%s%s{\"entity\":\"%s\",\"id\":\"%s\",\"fields\":[%s]}",
                              p->omitted == NULL ? "" : p->omitted, p->omitted == NULL ? "" : ",",
                              entity, hex, fields);
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
    if ((changes = read_changes(item)) == NULL) {
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
    changes = read_changes(item);
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
        past_omit(p, "task", id, fields.bytes);
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
past_rebuild(struct past *p, const struct shape *shape, const bson_t *now, bson_t **out)
{
    const bson_oid_t *id = doc_id(now, "_id");
    struct rebuilding b = {.p = p, .shape = shape, .doc = request_keep(p->r, bson_copy(now))};
    enum past_class class = PAST_TASK;
    const struct past_change *c;
    struct past_state state;
    bson_t *set = request_keep(p->r, bson_new());
    char entity[32];
    enum err err;

    for (size_t i = 0; i <= strlen(shape->name) && i < sizeof(entity); i++)
        entity[i] = (char)(shape->name[i] | (shape->name[i] != '\0' ? 0x20 : 0));
    if (!find_class(entity, &class) || (c = past_find(p, class, id)) == NULL)
        return ERR_INTERNAL;
    err = event_log_entity(p->r->store,
                           &(struct event_history){p->topic, id, p->head + 1, PAST_EVENTS, NULL},
                           take_back, &b);
    if (err == ERR_NOT_FOUND)
        err = ERR_NONE;
    if (err == ERR_NONE && (err = past_state(p, shape, id, &state)) == ERR_NONE) {
        append_version(&b, &state, c->rev - 1, set);
        *out = request_keep(p->r, doc_merge(b.doc, set));
        if (b.fields.len > 0)
            past_omit(p, entity, id, b.fields.bytes);
    }
    text_free(&b.fields);
    return err;
}
