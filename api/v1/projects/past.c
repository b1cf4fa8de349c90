/*
 * One pass over the events after the number finds what has changed.
 */
#include "api/v1/projects/past.h"

#include <stdlib.h>
#include <string.h>

#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "api/v1/projects/projects.h"
#include "common/base/vec.h"
#include "common/change/event_log.h"
#include "common/text/json.h"
#include "common/time/clock.h"

const struct past_class_row past_classes[PAST_CLASSES] = {
    [PAST_PROJECT] = {"project", &project_shape},
    [PAST_TASK] = {"task", &task_shape},
    [PAST_ATTACHMENT] = {"attachment", &attachment_shape},
    [PAST_MEMBER] = {"member", &member_shape},
};

static struct past_change *
add(struct past *p, enum past_class class, const bson_oid_t *id)
{
    struct past_change *c;

    p->changes = vec_room(p->changes, p->count, &p->room, sizeof(*p->changes));
    c = &p->changes[p->count++];
    *c = (struct past_change){.class = class, .id = *id, .kind = EVENT__COUNT};
    return c;
}

bson_t *
past_changes(const struct event_item *item)
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
    bson_t *changes = past_changes(item);
    char at[CLOCK_INSTANT];
    bson_iter_t was;

    if (find_before(changes, "projectId", &was)) {
        c->came = BSON_ITER_HOLDS_NULL(&was);
        c->left = !c->came;
        if (json_member(item->frame, item->len, "at", at, sizeof(at)))
            (void)clock_read(at, strlen(at), &c->left_at);
        c->left_comments = count_before(changes, "comments");
        c->left_attachments = count_before(changes, "attachments");
    }
    bson_destroy(changes);
}

static void
note_member(struct past *p, struct past_change *c, const struct event_item *item)
{
    bson_t *changes = past_changes(item);
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
    for (int i = 0; i < PAST_CLASSES; i++)
        if (strcmp(entity, past_classes[i].entity) == 0) {
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
    int64_t talk = to->comments, files = to->attachments;
    bool left = to->left;

    if (to->kind == EVENT__COUNT && next->kind != EVENT__COUNT) {
        *to = *next;
        to->comments = talk;
        to->attachments = files;
        return;
    }
    if (left)
        return;
    to->comments += next->comments;
    to->attachments += next->attachments;
    to->left = next->left;
    to->left_comments = next->left_comments;
    to->left_attachments = next->left_attachments;
    to->left_at = next->left_at;
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

struct past_change *
past_change_of(const struct past *p, const struct event_item *item)
{
    enum event_kind kind = event_kind_of(item->kind);
    struct past_change *c;
    enum past_class class;
    bson_oid_t id;

    if (kind == EVENT__COUNT || !find_class(event_rows[kind].entity, &class))
        return NULL;
    bson_oid_init_from_string(&id, item->entity_id);
    c = past_find(p, class, &id);
    return c != NULL && c->kind == EVENT__COUNT ? NULL : c;
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

void
past_omit(struct past *p, enum past_class class, const bson_oid_t *id, const char *fields)
{
    char hex[ID_TEXT];

    bson_oid_to_string(id, hex);
    p->omitted = arena_printf(p->r->arena, "%s%s{\"entity\":\"%s\",\"id\":\"%s\",\"fields\":[%s]}",
                              p->omitted == NULL ? "" : p->omitted, p->omitted == NULL ? "" : ",",
                              past_classes[class].entity, hex, fields);
}

bool
past_is_living(const bson_t *doc)
{
    return doc != NULL && !doc_has(doc, "deletedAt");
}
