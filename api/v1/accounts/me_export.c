/*
 * GET /v1/me/export: all data stored about the caller, in one document.
 */
#include "api/v1/handlers.h"

#include <string.h>

#include "api/access/access.h"
#include "api/access/api_token_auth.h"
#include "api/access/project_access.h"
#include "api/account/account.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/projects/projects.h"
#include "api/v1/tasks/attachments.h"
#include "api/v1/tasks/tasks.h"
#include "api/v1/user_jobs.h"
#include "common/base/id.h"
#include "common/time/clock.h"

#define EXPORT_MAX       (32u << 20) /* bytes; users with more export their projects one by one */
#define PROJECTS_AT_ONCE 100         /* projects whose tasks one query reads */

/* clang-format off */
static const struct field export_fields[] = {
    {"exportedAt",    INSTANT, 0},
    {"user",          NESTED,  0, .items = user_fields},
    {"apiTokens",     ANY,     0},
    {"sessions",      ANY,     0},
    {"projects",      ANY,     0, .about = "projects you are a member of"},
    {"tasks",         ANY,     0, .about = "tasks you created or are assigned to"},
    {"comments",      ANY,     0, .about = "your own"},
    {"attachments",   ANY,     0, .about = "your own; content is the path of the file"},
    {"notifications", ANY,     0},
    {"filters",       ANY,     0},
    {"subscriptions", ANY,     0, .about = "tasks that you watch or have muted"},
    {"jobs",          ANY,     0},
    {"links",         ANY,     0, .about = "share links that you have made, of projects that you administer"},
    {"complete",      FLAG,    0, .about = "false when there was more than one reply can hold"},
    {NULL},
};
/* clang-format on */

const struct shape export_shape = {"AccountExport", export_fields};

struct ids {
    bson_oid_t *list;
    int count, room;
};

struct part {
    struct request *r;
    struct text *out;
    const struct shape *shape;
    struct ids projects, managed; /* collected while reading: all, and those whose links one sees */
    bool first, full;
};

static void
add_id(struct part *p, struct ids *ids, const bson_oid_t *id)
{
    if (ids->count == ids->room) {
        int room = ids->room == 0 ? 64 : ids->room * 2;
        bson_oid_t *more = arena_alloc(p->r->arena, (size_t)room * sizeof(*more));

        if (ids->count > 0)
            memcpy(more, ids->list, (size_t)ids->count * sizeof(*more));
        ids->list = more;
        ids->room = room;
    }
    ids->list[ids->count++] = *id;
}

static void
note_project(struct part *p, const bson_t *project)
{
    add_id(p, &p->projects, doc_id(project, "_id"));
    if (!doc_has(project, "deletedAt") &&
        project_access_check(p->r, project, ACTION_MANAGE) == ERR_NONE)
        add_id(p, &p->managed, doc_id(project, "_id"));
}

static enum err
write_one(void *arg, const bson_t *doc)
{
    struct part *p = arg;
    const char *more = "";
    char id[ID_TEXT];

    p->full = p->full || p->out->len > EXPORT_MAX;
    if (p->full)
        return ERR_NONE;
    if (!p->first)
        text_putc(p->out, ',');
    p->first = false;
    if (p->shape == &project_shape) {
        note_project(p, doc);
        more = arena_printf(p->r->arena, ",\"role\":\"%s\"",
                            role_names[access_member(doc, &p->r->user_id)]);
    }
    if (p->shape == &attachment_shape) {
        bson_oid_to_string(doc_id(doc, "_id"), id);
        more = arena_printf(p->r->arena, ",\"content\":\"/v1/attachments/%s/content\"", id);
    }
    doc_write_with(p->out, p->shape, doc, more);
    return ERR_NONE;
}

static enum err
write_some(struct part *p, enum store_name store, const struct shape *shape, bson_t *filter)
{
    p->shape = shape;
    if (p->full) {
        bson_destroy(filter);
        return ERR_NONE;
    }
    return store_find(p->r->store, &(struct store_query){store, request_keep(p->r, filter), NULL},
                      write_one, p);
}

static enum err
write_list(struct part *p, const char *name, enum store_name store, const struct shape *shape,
           bson_t *filter)
{
    enum err err;

    text_printf(p->out, ",\"%s\":[", name);
    p->first = true;
    err = write_some(p, store, shape, filter);
    text_putc(p->out, ']');
    return err;
}

/* Adds {projectId: {$in: at most PROJECTS_AT_ONCE ids from first on}}. */
static bson_t *
in_projects(bson_t *filter, const struct ids *ids, int first)
{
    int left = ids->count - first;

    doc_in_ids(filter, "projectId", ids->list + first,
               (uint32_t)(left < PROJECTS_AT_ONCE ? left : PROJECTS_AT_ONCE));
    return filter;
}

/* Tasks are read by project. */
static enum err
write_tasks(struct part *p)
{
    const bson_oid_t *me = &p->r->user_id;
    enum err err = ERR_NONE;

    text_puts(p->out, ",\"tasks\":[");
    p->first = true;
    for (int i = 0; err == ERR_NONE && i < p->projects.count; i += PROJECTS_AT_ONCE) {
        bson_t *own = BCON_NEW("$or", "[", "{", "createdBy", BCON_OID(me), "}", "{", "assigneeIds",
                               BCON_OID(me), "}", "]");

        err = write_some(p, STORE_TASKS, &task_shape, in_projects(own, &p->projects, i));
    }
    text_putc(p->out, ']');
    return err;
}

/* And links, which only those see who administer the project. */
static enum err
write_links(struct part *p)
{
    enum err err = ERR_NONE;

    text_puts(p->out, ",\"links\":[");
    p->first = true;
    for (int i = 0; err == ERR_NONE && i < p->managed.count; i += PROJECTS_AT_ONCE) {
        bson_t *own = BCON_NEW("createdBy", BCON_OID(&p->r->user_id));

        err = write_some(p, STORE_LINKS, &link_shape, in_projects(own, &p->managed, i));
    }
    text_putc(p->out, ']');
    return err;
}

enum err
me_export(struct request *r)
{
    struct part p = {.r = r};
    bson_oid_t *me = &r->user_id;
    char at[CLOCK_INSTANT];
    const bson_t *user;
    enum err err;

    if ((err = request_params_done(r)) != ERR_NONE ||
        (err = request_fetch(r, STORE_USERS, me, &user)) != ERR_NONE)
        return err;
    clock_write(at, clock_now());
    p.out = reply_json(r, 200);
    text_printf(p.out, "{\"exportedAt\":\"%s\",\"user\":", at);
    doc_write(p.out, &user_shape, user);
    if ((err = write_list(&p, "apiTokens", STORE_TOKENS, &api_token_shape,
                          BCON_NEW("userId", BCON_OID(me), "purpose",
                                   BCON_UTF8(API_TOKEN_PURPOSE)))) != ERR_NONE ||
        (err = write_list(&p, "sessions", STORE_SESSIONS, &session_shape,
                          BCON_NEW("userId", BCON_OID(me)))) != ERR_NONE ||
        (err = write_list(&p, "projects", STORE_PROJECTS, &project_shape,
                          BCON_NEW("members.userId", BCON_OID(me)))) != ERR_NONE ||
        (err = write_tasks(&p)) != ERR_NONE ||
        (err = write_list(&p, "comments", STORE_COMMENTS, &comment_shape,
                          BCON_NEW("createdBy", BCON_OID(me)))) != ERR_NONE ||
        (err = write_list(&p, "attachments", STORE_ATTACHMENTS, &attachment_shape,
                          BCON_NEW("createdBy", BCON_OID(me)))) != ERR_NONE ||
        (err = write_list(&p, "notifications", STORE_NOTIFICATIONS, &notification_shape,
                          BCON_NEW("userId", BCON_OID(me)))) != ERR_NONE ||
        (err = write_list(&p, "filters", STORE_FILTERS, &saved_filter_shape,
                          BCON_NEW("userId", BCON_OID(me)))) != ERR_NONE ||
        (err = write_list(&p, "subscriptions", STORE_SUBSCRIPTIONS, &subscription_shape,
                          BCON_NEW("userId", BCON_OID(me)))) != ERR_NONE ||
        (err = write_list(&p, "jobs", STORE_USER_JOBS, &user_job_shape,
                          BCON_NEW("userId", BCON_OID(me)))) != ERR_NONE ||
        (err = write_links(&p)) != ERR_NONE)
        return err;
    text_printf(p.out, ",\"complete\":%s}", p.full ? "false" : "true");
    return ERR_NONE;
}
