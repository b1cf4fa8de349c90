/*
 * A tombstone names an entity that has events after the client's cursor and no longer exists, or is
 * no longer in the project that the events belong to.
 */
#include "api/v1/sync/sync_deleted.h"

#include <string.h>

#include "api/access/api_token_auth.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/v1/sync/sync_plan.h"
#include "common/base/id.h"
#include "common/change/event_log.h"
#include "common/text/text.h"

struct deleted {
    const struct sync_plan *plan;
    struct text *out;
    bool comma;
};

static void
add(struct deleted *d, const char *entity, const bson_oid_t *id, const char *project)
{
    char hex[ID_TEXT];

    if (d->comma)
        text_putc(d->out, ',');
    d->comma = true;
    bson_oid_to_string(id, hex);
    text_printf(d->out, "{\"entity\":\"%s\",\"id\":\"%s\",\"projectId\":", entity, hex);
    text_printf(d->out, project == NULL ? "null}" : "\"%s\"}", project);
    reply_flush(d->plan->r);
}

struct origin {
    const struct request *r;
    bool reached;
};

static enum err
note_origin(void *arg, const struct event_item *event)
{
    struct origin *o = arg;
    bson_oid_t project;
    char id[ID_TEXT];

    if (!event_project(event->frame, event->len, id))
        return ERR_NONE;
    bson_oid_init_from_string(&project, id);
    o->reached = api_token_auth_reaches(o->r, &project);
    return ERR_NONE;
}

/* A token bound to projects is sent only tombstones from those projects. */
static enum err
may_report(const struct sync_plan *p, const struct sync_item *one, bool *allowed)
{
    struct request *r = p->r;
    struct origin o = {.r = r};
    enum err err;

    *allowed = r->bound == NULL || !sync_plan_is_private(one->kind);
    if (r->bound == NULL || (one->kind != SYNC_NOTIFICATIONS && one->kind != SYNC_SUBSCRIPTIONS))
        return ERR_NONE;
    err = event_log_entity(r->store, &(struct event_history){p->own.name, &one->id, INT64_MAX, 1},
                           note_origin, &o);
    *allowed = o.reached;
    return err;
}

static enum err
write_entities(struct deleted *d)
{
    const struct sync_plan *p = d->plan;

    for (int i = 0; i < p->item_count; i++) {
        const struct sync_item *one = &p->items[i];
        const struct sync_topic *t = one->topic < 0 ? NULL : &p->topics[one->topic];
        bool allowed;
        enum err err;

        if (one->kind == SYNC_PROJECTS || one->kind == SYNC_MOVED || one->found ||
            (t != NULL && t->state == SYNC_GONE))
            continue;
        if ((err = may_report(p, one, &allowed)) != ERR_NONE)
            return err;
        if (allowed)
            add(d, sync_plan_entities[one->kind], &one->id, t == NULL ? NULL : topic_id(t->name));
    }
    return ERR_NONE;
}

enum err
sync_deleted_write(const struct sync_plan *p, struct text *out)
{
    struct deleted d = {p, out, false};
    enum err err = write_entities(&d);

    for (int i = 0; err == ERR_NONE && i < p->topic_count; i++)
        if (p->topics[i].state == SYNC_GONE && p->topics[i].after >= 0)
            add(&d, "project", &p->topics[i].id, NULL);
    for (int i = 0; err == ERR_NONE && i < p->lost_count; i++)
        add(&d, "project", &p->lost[i], NULL);
    return err;
}
