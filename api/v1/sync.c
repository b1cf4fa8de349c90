/*
 * /v1/sync: all that changed for the caller since a cursor, by kind, with
 * tombstones; without a cursor all there is.  A cursor of many topics: each
 * project's events after its number, the newest of an entity standing for all.
 */
#include "api/v1/handlers.h"

#include <stdlib.h>
#include <string.h>

#include "api/crud.h"
#include "api/doc.h"
#include "api/reply.h"
#include "api/request.h"
#include "api/v1/members.h"
#include "api/v1/projects.h"
#include "common/cursor.h"
#include "common/event_log.h"

#define EVENTS_MAX   5000    /* of one answer; then `more` */
#define BYTES_MAX    4194304 /* of its documents, but for the last; then `more` */
#define LARGE_BYTES  262144  /* what a document that no event holds counts for */
#define PROJECTS_MAX 5000
#define NOTICES_FULL 200 /* notifications when there is no cursor */

enum kind { PROJECTS, MEMBERS, TASKS, COMMENTS, NOTIFICATIONS, KINDS };

static const struct {
    const char *name, *entity;
} kinds[KINDS] = {
    [PROJECTS] = {"projects", "project"},
    [MEMBERS] = {"members", "member"},
    [TASKS] = {"tasks", "task"},
    [COMMENTS] = {"comments", "comment"},
    [NOTIFICATIONS] = {"notifications", "notification"},
};

/* clang-format off */
static const struct field tombstone_fields[] = {
    {"entity",    TEXT, 0},
    {"id",        REF,  0},
    {"projectId", REF,  NULLABLE, .about = "where it was; of members and what left a project"},
    {NULL},
};
static const struct field sync_fields[] = {
    {"projects",      OBJECTS, 0, .items = project_fields},
    {"members",       ANY,     0, .about = "[{userId, role, name, projectId}]"},
    {"tasks",         ANY,     0, .about = "[Task]"},
    {"comments",      ANY,     0, .about = "[Comment]"},
    {"notifications", ANY,     0, .about = "[Notification]"},
    {"deleted",       OBJECTS, 0, .items = tombstone_fields},
    {"cursor",        TEXT,    0, .about = "for the next call, and for follow {topic: all}"},
    {"more",          FLAG,    0, .about = "there is more already: call again"},
    {"full",          FLAG,    0, .about = "drop what you have: this is everything"},
    {NULL},
};
/* clang-format on */

const struct shape sync_shape = {"Sync", sync_fields};
const struct filter sync_params[] = {
    {"cursor", NULL, TEXT, CUSTOM, NULL, "of the answer before; none: everything"},
    {NULL},
};

/* The newest event of an entity. */
struct entry {
    char entity[16], id[25];
    const char *data; /* JSON; NULL: gone, or omitted */
    bool omitted;     /* too large for its event: read from the store */
};

struct sync {
    struct request *r;
    struct cursor since, reached; /* the client's cursor, and the next one */
    struct text lists[KINDS], deleted, cursor;
    int left;   /* events that may still be read */
    long bytes; /* of documents that there is still room for; below 0: none */
    bool more, full;
    /* The topic being read. */
    const char *topic;
    struct entry *entries;
    int count;
    int64_t first, last;
    /* Numbers of all topics, read before anything else. */
    struct {
        char name[EVENT_TOPIC];
        int64_t seq;
    } * heads;
    int head_count;
};

static struct text *
item(struct text *list)
{
    if (list->len > 0)
        text_putc(list, ',');
    return list;
}

static void
bury(struct sync *s, const char *entity, const char *id, const char *project)
{
    text_printf(item(&s->deleted), "{\"entity\":\"%s\",\"id\":\"%s\",\"projectId\":", entity, id);
    text_printf(&s->deleted, project == NULL ? "null}" : "\"%s\"}", project);
}

static enum err
note_head(void *arg, const bson_t *doc)
{
    struct sync *s = arg;

    if (s->head_count < PROJECTS_MAX + 1) {
        bson_strncpy(s->heads[s->head_count].name, doc_text(doc, "_id"), EVENT_TOPIC);
        s->heads[s->head_count++].seq = doc_int(doc, "seq");
    }
    return ERR_NONE;
}

static int64_t
head_of(const struct sync *s, const char *topic)
{
    for (int i = 0; i < s->head_count; i++)
        if (strcmp(s->heads[i].name, topic) == 0)
            return s->heads[i].seq;
    return -1;
}

/* The numbers of the caller's own topic and of every project in sight. */
static enum err
read_heads(struct sync *s)
{
    struct request *r = s->r;
    bson_t *visible = request_keep(r, bson_new()), *filter = request_keep(r, bson_new()), in, ids;
    bson_iter_t iter, list;
    char key[16];
    int n = 0;
    enum err err = projects_visible(r, "ids", visible);

    s->heads = arena_alloc(r->arena, (PROJECTS_MAX + 1) * sizeof(*s->heads));
    BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &in);
    BSON_APPEND_ARRAY_BEGIN(&in, "$in", &ids);
    BSON_APPEND_UTF8(&ids, "0", arena_printf(r->arena, "user:%s", r->user));
    if (err == ERR_NONE && bson_iter_init(&iter, visible) &&
        bson_iter_find_descendant(&iter, "ids.$in", &list) && bson_iter_recurse(&list, &iter))
        while (bson_iter_next(&iter)) {
            snprintf(key, sizeof(key), "%d", ++n);
            BSON_APPEND_UTF8(&ids, key, crud_topic(r, bson_iter_oid(&iter)));
        }
    bson_append_array_end(&in, &ids);
    bson_append_document_end(filter, &in);
    return err == ERR_NONE ? store_find(r->store, STORE_TOPICS, filter, NULL, note_head, s) : err;
}

/* What an event says of its entity as it is now. */
static void
note_data(struct sync *s, struct entry *e, const struct event_item *event)
{
    const char *data = strstr(event->frame, ",\"data\":"); /* no string holds a bare quote */
    bool gone = data == NULL || strstr(event->kind, ".deleted") != NULL;

    e->data = NULL;
    e->omitted = !gone && strstr(event->frame, ",\"dataOmitted\":true,\"data\":") != NULL;
    if (e->omitted) {
        s->bytes -= LARGE_BYTES;
    } else if (!gone && strcmp(data, ",\"data\":null}") != 0) {
        e->data = arena_copy(s->r->arena, data + 8, strlen(data + 8) - 1);
        s->bytes -= (long)strlen(e->data);
    }
}

/* Keeps the newest event of each entity, in the order of their first; ERR_TOO_LARGE: no room. */
static enum err
note_event(void *arg, const struct event_item *event)
{
    struct sync *s = arg;
    size_t entity = strcspn(event->kind, ".");
    struct entry *e = NULL;

    if (s->bytes < 0)
        return ERR_TOO_LARGE;
    for (int i = 0; i < s->count && e == NULL; i++)
        if (strcmp(s->entries[i].id, event->entity_id) == 0 &&
            strncmp(s->entries[i].entity, event->kind, entity) == 0)
            e = &s->entries[i];
    if (e == NULL) {
        e = &s->entries[s->count++];
        snprintf(e->entity, sizeof(e->entity), "%.*s", (int)entity, event->kind);
        bson_strncpy(e->id, event->entity_id, sizeof(e->id));
    }
    if (s->first == 0)
        s->first = event->seq;
    s->last = event->seq;
    s->left--;
    note_data(s, e, event);
    return ERR_NONE;
}

static void
write_entries(struct sync *s, const char *project)
{
    for (int i = 0; i < s->count; i++) {
        const struct entry *e = &s->entries[i];

        if (strcmp(e->entity, "project") == 0)
            continue; /* written from the store, since it has the caller's role */
        if (project == NULL && strcmp(e->entity, "member") == 0)
            continue; /* one's own topic repeats memberships */
        if (e->omitted)
            continue; /* read_omitted() writes it */
        if (e->data == NULL) {
            bury(s, e->entity, e->id, project);
            continue;
        }
        for (int k = 0; k < KINDS; k++)
            if (strcmp(kinds[k].entity, e->entity) == 0)
                text_puts(item(&s->lists[k]), e->data);
    }
}

/*
 * The changes of one topic after the client's number.  *whole: they cannot be
 * told, or there is no number: the topic must be sent whole.
 */
static enum err
read_topic(struct sync *s, const char *topic, int64_t head, bool *whole, int64_t *reached)
{
    int64_t after = -1;
    enum err err;

    *whole = s->full || !cursor_seq(&s->since, topic, &after) || after > head;
    *reached = head;
    s->count = 0;
    s->first = 0;
    if (*whole || after == head)
        return ERR_NONE;
    if (s->left <= 0 || s->bytes < 0) {
        s->more = true;
        *reached = after;
        return ERR_NONE;
    }
    s->entries = arena_alloc(s->r->arena, (size_t)s->left * sizeof(*s->entries));
    s->last = after;
    err = event_log_read(s->r->store, topic, after, s->left, note_event, s);
    if (err == ERR_TOO_LARGE)
        err = ERR_NONE;
    *whole = s->first != after + 1; /* the log no longer begins there */
    *reached = s->last;
    s->more = s->more || s->last < head;
    return err;
}

static enum err
write_task(void *arg, const bson_t *doc)
{
    doc_write(item(&((struct sync *)arg)->lists[TASKS]), &task_shape, doc);
    return ERR_NONE;
}

static enum err
write_comment(void *arg, const bson_t *doc)
{
    doc_write(item(&((struct sync *)arg)->lists[COMMENTS]), &comment_shape, doc);
    return ERR_NONE;
}

static enum err
write_notification(void *arg, const bson_t *doc)
{
    doc_write(item(&((struct sync *)arg)->lists[NOTIFICATIONS]), &notification_shape, doc);
    return ERR_NONE;
}

/*
 * The documents of one kind that were too large for their events, as they are now:
 * maybe newer than the cursor.  What is gone since, a later event tells.
 */
static enum err
read_omitted(struct sync *s, enum kind kind, enum store_name store, const bson_t *project,
             store_each each)
{
    bson_t *filter = request_keep(
        s->r, BCON_NEW("projectId", BCON_OID(doc_id(project, "_id")), "deletedAt", BCON_NULL));
    bson_t in, ids;
    bson_oid_t id;
    char key[16];
    int n = 0;

    BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &in);
    BSON_APPEND_ARRAY_BEGIN(&in, "$in", &ids);
    for (int i = 0; i < s->count; i++) {
        if (!s->entries[i].omitted || strcmp(s->entries[i].entity, kinds[kind].entity) != 0)
            continue;
        bson_oid_init_from_string(&id, s->entries[i].id);
        snprintf(key, sizeof(key), "%d", n++);
        BSON_APPEND_OID(&ids, key, &id);
    }
    bson_append_array_end(&in, &ids);
    bson_append_document_end(filter, &in);
    return n == 0 ? ERR_NONE : store_find(s->r->store, store, filter, NULL, each, s);
}

/* A project's changes: from the events, and what these leave out from the store. */
static enum err
write_changed(struct sync *s, const bson_t *project, const char *id)
{
    enum err err;

    write_entries(s, id);
    err = read_omitted(s, TASKS, STORE_TASKS, project, write_task);
    return err == ERR_NONE ? read_omitted(s, COMMENTS, STORE_COMMENTS, project, write_comment)
                           : err;
}

static enum err
write_whole(struct sync *s, const bson_t *project)
{
    bson_t *filter = request_keep(
        s->r, BCON_NEW("projectId", BCON_OID(doc_id(project, "_id")), "deletedAt", BCON_NULL));
    char id[25];
    enum err err;

    bson_oid_to_string(doc_id(project, "_id"), id);
    err = members_write(s->r, item(&s->lists[MEMBERS]), project,
                        arena_printf(s->r->arena, ",\"projectId\":\"%s\"", id));
    if (err == ERR_NONE)
        err = store_find(s->r->store, STORE_TASKS, filter, NULL, write_task, s);
    if (err == ERR_NONE)
        err = store_find(s->r->store, STORE_COMMENTS, filter, NULL, write_comment, s);
    return err;
}

static enum err
read_project(void *arg, const bson_t *doc)
{
    struct sync *s = arg;
    const bson_t *project = request_keep(s->r, bson_copy(doc));
    const char *topic = crud_topic(s->r, doc_id(project, "_id"));
    int64_t head = head_of(s, topic), reached;
    bool whole, touched;
    enum err err;

    if (head < 0) /* came into sight just now: the next call tells of it */
        return ERR_NONE;
    if ((err = read_topic(s, topic, head, &whole, &reached)) != ERR_NONE)
        return err;
    touched = whole;
    for (int i = 0; i < s->count; i++)
        touched = touched || strcmp(s->entries[i].entity, "project") == 0;
    if (touched)
        projects_write(s->r, item(&s->lists[PROJECTS]), project);
    err = whole ? write_whole(s, project) : write_changed(s, project, topic + 8);
    cursor_put(&s->reached, topic, reached);
    return err;
}

static enum err
read_own(struct sync *s)
{
    const char *topic = arena_printf(s->r->arena, "user:%s", s->r->user);
    bson_t *filter = request_keep(s->r, BCON_NEW("userId", BCON_OID(&s->r->user_id)));
    bson_t *opts = request_keep(s->r, BCON_NEW("sort", "{", "createdAt", BCON_INT32(-1), "}",
                                               "limit", BCON_INT64(NOTICES_FULL)));
    int64_t reached;
    bool whole;
    enum err err = read_topic(s, topic, head_of(s, topic), &whole, &reached);

    if (err == ERR_NONE && whole)
        err = store_find(s->r->store, STORE_NOTIFICATIONS, filter, opts, write_notification, s);
    else if (err == ERR_NONE)
        write_entries(s, NULL);
    cursor_put(&s->reached, topic, reached);
    return err;
}

/* Projects that the client's cursor names and that are out of sight now. */
static void
bury_lost(struct sync *s)
{
    char topic[EVENT_TOPIC];
    int64_t seq;

    for (uint32_t i = 0; !s->full && i < s->since.count; i++) {
        cursor_topic(&s->since.places[i], topic);
        if (strncmp(topic, "project:", 8) == 0 && !cursor_seq(&s->reached, topic, &seq))
            bury(s, "project", topic + 8, NULL);
    }
}

static void
write_answer(struct sync *s)
{
    struct text *out = reply_json(s->r, 200);

    text_putc(out, '{');
    for (int k = 0; k < KINDS; k++)
        text_printf(out, "\"%s\":[%s],", kinds[k].name,
                    s->lists[k].bytes == NULL ? "" : s->lists[k].bytes);
    text_printf(out, "\"deleted\":[%s],\"cursor\":\"%s\",\"more\":%s,\"full\":%s}",
                s->deleted.bytes == NULL ? "" : s->deleted.bytes, s->cursor.bytes,
                s->more ? "true" : "false", s->full ? "true" : "false");
}

static enum err
read_all(struct sync *s)
{
    bson_t *visible = request_keep(s->r, bson_new());
    enum err err = read_heads(s);

    /* The projects after the numbers: what is read later may be newer, never older. */
    if (err == ERR_NONE && (err = projects_visible(s->r, "_id", visible)) == ERR_NONE &&
        (err = read_own(s)) == ERR_NONE)
        err = store_find(s->r->store, STORE_PROJECTS, visible, NULL, read_project, s);
    if (err == ERR_NONE) {
        cursor_write(&s->reached, s->r->epoch, &s->cursor);
        bury_lost(s);
    }
    return err;
}

enum err
sync_read(struct request *r)
{
    struct sync s = {.r = r, .left = EVENTS_MAX, .bytes = BYTES_MAX};
    const char *since = request_param(r, "cursor");
    char topic[EVENT_TOPIC];
    int64_t seq;
    enum err err = request_params_done(r);

    if (err != ERR_NONE)
        return err;
    snprintf(topic, sizeof(topic), "user:%s", r->user);
    s.full = since == NULL ||
             cursor_read(&s.since, since, strlen(since), r->epoch) != CURSOR_OK ||
             !cursor_seq(&s.since, topic, &seq);
    if ((err = read_all(&s)) == ERR_NONE)
        write_answer(&s);
    for (int k = 0; k < KINDS; k++)
        text_free(&s.lists[k]);
    text_free(&s.deleted);
    text_free(&s.cursor);
    cursor_free(&s.since);
    cursor_free(&s.reached);
    return err;
}
