/*
 * What has not changed since is read and sent as in any snapshot.  What has changed is put back to
 * what it was, and sent after it.
 */
#include "api/v1/projects/snapshot_past.h"

#include <string.h>

#include "api/access/access.h"
#include "api/access/project_access.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/event_page.h"
#include "api/v1/handlers.h"
#include "api/v1/projects/past_entity.h"
#include "api/v1/projects/past_files.h"
#include "api/v1/projects/past_project.h"
#include "api/v1/projects/past_tasks.h"
#include "api/v1/projects/projects.h"
#include "api/v1/tasks/tasks.h"
#include "common/change/cursor.h"
#include "common/time/clock.h"

#define BATCH   1000     /* documents per batch, as in snapshot.c */
#define MOST_US 30000000 /* of the transaction, however slowly the client reads */

struct snapshot {
    struct request *r;
    struct text *out;
    struct past past;
    struct past_tasks tasks;
    const struct shape *shape;
    int written;
    int64_t until; /* when the transaction ends at the latest */
};

/* ------------------------------------------------------------ which number */

static enum err
read_at(struct snapshot *s, const char *text)
{
    struct request *r = s->r;
    size_t len = strlen(text);

    if (cursor_read_seq(text, len, &s->past.at) == len && len > 0 && s->past.at > 0)
        return ERR_NONE;
    switch (cursor_find(text, len, r->epoch, s->past.topic, &s->past.at)) {
    case CURSOR_OK:
        return ERR_NONE;
    case CURSOR_OTHER_EPOCH:
        return request_fail(r, ERR_GONE, "the cursor is from before the database was restored");
    default:
        return request_bad_param(r, "at", "must be the number of an event, or a cursor");
    }
}

/* Reads the topic: does the log reach back to the number? */
static enum err
check_at(struct snapshot *s)
{
    struct request *r = s->r;
    struct past *p = &s->past;
    bson_t *which = request_keep(r, BCON_NEW("_id", BCON_UTF8(p->topic))), *topic;
    enum err err = store_get(r->store, STORE_TOPICS, which, NULL, &topic);

    if (err != ERR_NONE)
        return err;
    request_keep(r, topic);
    p->head = doc_int(topic, "seq");
    if (p->at > p->head)
        return request_bad_param(r, "at", "is in the future");
    if (p->at < p->head - PAST_EVENTS || p->at < doc_int(topic, "trimmed"))
        return request_fail(r, ERR_GONE,
                            "the log does not reach back that far, or more than %d events",
                            PAST_EVENTS);
    return ERR_NONE;
}

/* ------------------------------------------------------------ what is written */

static void
write_doc(struct snapshot *s, const bson_t *doc)
{
    if (s->written++ > 0)
        text_putc(s->out, ',');
    doc_write(s->out, s->shape, doc);
    reply_flush(s->r); /* which gives the request its whole time again */
    if (store_deadline_of(s->r->store) > s->until)
        store_deadline(s->r->store, s->until);
}

static void
write_counted(struct snapshot *s, const bson_t *task)
{
    bson_t *counted = past_tasks_counted(&s->tasks, task);

    write_doc(s, counted);
    bson_destroy(counted);
}

/* A task as it is now: those that have changed are written later. */
static enum err
write_task(void *arg, const bson_t *task)
{
    struct snapshot *s = arg;
    const struct past_change *c = past_find(&s->past, PAST_TASK, doc_id(task, "_id"));

    if (c == NULL || c->kind == EVENT__COUNT)
        write_counted(s, task);
    return ERR_NONE;
}

/* A file as it is now: those that have changed are written later. */
static enum err
write_file(void *arg, const bson_t *file)
{
    struct snapshot *s = arg;

    if (past_files_unchanged(&s->past, file))
        write_doc(s, file);
    return ERR_NONE;
}

/* The entities of one kind that are not in the trash now. */
static enum err
each_now(struct snapshot *s, const struct resource *kind, store_each each)
{
    struct request *r = s->r;
    bson_t *filter = request_keep(
        r, kind == &tasks ? tasks_untrashed(s->past.id)
                          : BCON_NEW("projectId", BCON_OID(s->past.id), "deletedAt", BCON_NULL));
    bson_t *opts = request_keep(r, BCON_NEW("batchSize", BCON_INT32(BATCH)));

    s->written = 0;
    s->shape = kind->shape;
    return store_find(r->store, &(struct store_query){kind->store, filter, opts}, each, s);
}

static enum err
write_tasks(struct snapshot *s)
{
    struct past_change *changes;
    uint32_t count = past_class(&s->past, PAST_TASK, &changes);
    enum err err = each_now(s, &tasks, write_task);

    for (uint32_t i = 0; err == ERR_NONE && i < count; i++)
        if (past_is_living(changes[i].then))
            write_counted(s, changes[i].then);
    return err;
}

static enum err
write_changed_file(void *arg, const bson_t *file)
{
    write_doc(arg, file);
    return ERR_NONE;
}

static enum err
write_files(struct snapshot *s)
{
    enum err err = each_now(s, &attachments, write_file);

    return err == ERR_NONE ? past_files_each(&s->past, write_changed_file, s) : err;
}

static void
write_project(struct snapshot *s, const bson_t *project)
{
    enum role role = project_access_role(s->r, s->past.project); /* today's */

    doc_write_with(s->out, &project_shape, project,
                   arena_printf(s->r->arena, ",\"role\":\"%s\"", role_names[role]));
}

/* ------------------------------------------------------------ the reply */

static enum err
write_snapshot(struct snapshot *s)
{
    const bson_t *project;
    enum err err;

    if ((err = past_tasks_find(&s->tasks)) != ERR_NONE ||
        (err = past_project_find(&s->past, &project)) != ERR_NONE)
        return err;
    s->out = reply_json(s->r, 200);
    text_puts(s->out, "{\"project\":");
    write_project(s, project);
    text_printf(s->out, ",\"seq\":%lld,\"cursor\":", (long long)s->past.at);
    event_page_cursor(s->r, s->out, s->past.topic, s->past.at);
    text_puts(s->out, ",\"members\":[");
    if ((err = past_project_members(&s->past, s->out)) != ERR_NONE)
        return err;
    text_puts(s->out, "],\"tasks\":[");
    if ((err = write_tasks(s)) != ERR_NONE)
        return err;
    text_puts(s->out, "],\"attachments\":[");
    if ((err = write_files(s)) != ERR_NONE)
        return err;
    text_printf(s->out, "],\"omitted\":[%s]}", s->past.omitted == NULL ? "" : s->past.omitted);
    return ERR_NONE;
}

static enum err
read_snapshot(struct snapshot *s)
{
    enum err err = check_at(s);
    enum err access = project_access_living(s->r, s->past.id, ACTION_READ, &s->past.project);

    if (access != ERR_NONE)
        return access;
    if (err != ERR_NONE || (err = past_read(&s->past)) != ERR_NONE ||
        (err = past_recent(&s->past)) != ERR_NONE)
        return err;
    return write_snapshot(s);
}

static void
free_snapshot(void *arg)
{
    struct snapshot *s = arg;

    past_free(&s->past);
    past_tasks_free(&s->tasks);
}

enum err
snapshot_past(struct request *r, const bson_oid_t *project, const char *at)
{
    struct snapshot *s = arena_alloc(r->arena, sizeof(*s));
    enum err err;

    *s = (struct snapshot){.r = r, .until = clock_steady() + MOST_US};
    s->past = (struct past){.r = r, .id = project, .topic = request_project_topic(r, project)};
    s->tasks.past = &s->past;
    arena_defer(r->arena, free_snapshot, s);
    /* The right comes first: strangers do not learn what a cursor of the project looks like. */
    if ((err = project_access_living(r, project, ACTION_READ, &s->past.project)) != ERR_NONE ||
        (err = read_at(s, at)) != ERR_NONE || (err = store_begin(r->store)) != ERR_NONE)
        return err;
    err = read_snapshot(s);
    store_abort(r->store); /* nothing was written */
    return err;
}
