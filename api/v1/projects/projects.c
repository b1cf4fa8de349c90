/*
 * /v1/projects: projects, which contain tasks and control who may see them.
 */
#include "api/v1/projects/projects.h"

#include <string.h>

#include "api/access/project_access.h"
#include "api/crud/entity.h"
#include "api/crud/items.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/quotas.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "api/v1/tasks/project_lists.h"
#include "api/v1/tasks/project_statuses.h"
#include "common/base/id.h"
#include "common/store/derived.h"
#include "common/text/json.h"

#define COUNTED_MAX 1000 /* most tasks of a status that a complaint counts */

static const char *const accesses[] = {"members", "everyone", NULL};
static const char *const access_roles[] = {"viewer", "commenter", "member", NULL};
static const char *const kinds[] = {"open", "done", NULL};

#define DEFAULT_STATUSES                                                                           \
    "[{\"id\":\"todo\",\"name\":\"To do\",\"kind\":\"open\"},"                                     \
    "{\"id\":\"in-progress\",\"name\":\"In progress\",\"kind\":\"open\"},"                         \
    "{\"id\":\"completed\",\"name\":\"Completed\",\"kind\":\"done\"}]"

/* clang-format off */
static const struct field status_fields[] = {
    {"id",   SLUG,   MUST_SET},
    {"name", TEXT,   MUST_SET | MAY_EDIT, 1, 60},
    {"kind", CHOICE, MAY_EDIT, .choices = kinds, .fallback = "\"open\""},
    {NULL},
};
static const struct field status_add_fields[] = {
    ITEM_ID_FIELD,
    {"name", TEXT,   MUST_SET, 1, 60},
    {"kind", CHOICE, MAY_SET,  .choices = kinds, .fallback = "\"open\""},
    ITEM_PLACE_FIELDS,
    {NULL},
};
static const struct field label_fields[] = {
    {"id",     SLUG, MUST_SET},
    {"name",   TEXT, MUST_SET | MAY_EDIT, 1, 60},
    {"colour", TEXT, MAY_EDIT, 1, 30, .fallback = "\"grey\""},
    {NULL},
};
static const struct field label_add_fields[] = {
    ITEM_ID_FIELD,
    {"name",   TEXT, MUST_SET, 1, 60},
    {"colour", TEXT, MAY_SET,  1, 30, .fallback = "\"grey\""},
    ITEM_PLACE_FIELDS,
    {NULL},
};
const struct field project_fields[] = {
    /* name             kind     a client                            limits */
    ENTITY_FIELDS,
    {"name",            TEXT,    MUST_SET | MAY_EDIT,                1, 200},
    {"description",     TEXT,    MAY_EDIT,                           0, 10000, .fallback = "\"\""},
    {"colour",          TEXT,    MAY_EDIT,                           1, 30, .fallback = "\"grey\""},
    {"statuses",        OBJECTS, MAY_EDIT,                           1, 30, .items = status_fields, .key = "id", .fallback = DEFAULT_STATUSES},
    {"labels",          OBJECTS, MAY_EDIT,                           0, 200, .items = label_fields, .key = "id", .fallback = "[]"},
    {"access",          CHOICE,  MAY_EDIT,                           .choices = accesses, .fallback = "\"members\""},
    {"accessRole",      CHOICE,  MAY_EDIT,                           .choices = access_roles, .fallback = "\"viewer\"", .about = "the role everyone has while access is everyone"},
    {"requireIfMatch",  FLAG,    MAY_EDIT,                           .fallback = "false", .about = "require If-Match when a task or comment is changed"},
    {"inbox",           FLAG,    0,                                  .fallback = "false"},
    {"archivedAt",      INSTANT, NULLABLE},
    {"deletedAt",       INSTANT, NULLABLE},
    {"members",         OBJECTS, HIDDEN},
    {"nameKey",         TEXT,    HIDDEN}, /* the folded name, to sort without case and accents */
    {"archived",        FLAG,    MAY_EDIT | VIRTUAL,                 .couple = "archivedAt", .about = "sets or clears archivedAt"},
    {"role",            TEXT,    VIRTUAL,                            .about = "the caller's role; not included in events"},
    {"jobId",           REF,     VIRTUAL,                            .about = "only in the reply to a request that leaves work to a job (/v1/jobs)"},
    {NULL},
};
/* clang-format on */

const struct shape project_shape = {"Project", project_fields};
const struct shape status_shape = {"Status", status_fields};
const struct shape status_add_shape = {"StatusAdd", status_add_fields};
const struct shape label_shape = {"Label", label_fields};
const struct shape label_add_shape = {"LabelAdd", label_add_fields};

const struct filter status_remove_params[] = {
    {"moveTo", NULL, TEXT, CUSTOM, NULL,
     "the status that its tasks get; required if there are any"},
    {NULL},
};

struct status_use {
    struct request *r;
    const bson_t *after;
    struct change *change;
    enum err err;
    bool moved;         /* the tasks get another status */
    int tasks, trashed; /* of one status, as far as they are counted */
};

static enum err
count_task(void *arg, const bson_t *task)
{
    struct status_use *use = arg;

    use->tasks++;
    use->trashed += doc_has(task, "deletedAt");
    return ERR_NONE;
}

/* A status that tasks have must not be removed. */
static bool
check_gone(void *arg, const char *id, const char *kind)
{
    struct status_use *use = arg;
    bson_t *filter, *opts;

    (void)kind;
    if (project_statuses_kind(use->after, id) != '\0' || use->moved)
        return false;
    use->tasks = use->trashed = 0;
    filter = BCON_NEW("projectId", BCON_OID(doc_id(use->after, "_id")), "status", BCON_UTF8(id));
    opts = BCON_NEW("projection", "{", "deletedAt", BCON_BOOL(true), "}", "limit",
                    BCON_INT64(COUNTED_MAX + 1));
    use->err = store_find(change_store(use->change),
                          &(struct store_query){STORE_TASKS, filter, opts}, count_task, use);
    bson_destroy(filter);
    bson_destroy(opts);
    if (use->err == ERR_NONE && use->tasks > COUNTED_MAX)
        request_complain(
            use->r, "/statuses", "in-use",
            "must include '%s': more than %d tasks use it, including tasks in the trash", id,
            COUNTED_MAX);
    else if (use->err == ERR_NONE && use->tasks > 0)
        request_complain(use->r, "/statuses", "in-use",
                         "must include '%s': %d tasks use it, %d of them in the trash", id,
                         use->tasks, use->trashed);
    return use->err != ERR_NONE;
}

static bool
is_done_kind(void *arg, const char *id, const char *kind)
{
    (void)arg;
    (void)id;
    return kind[0] == 'd';
}

static bool
is_open_kind(void *arg, const char *id, const char *kind)
{
    (void)arg;
    (void)id;
    return kind[0] == 'o';
}

/* Can everyone see the project? */
static bool
is_open(const bson_t *project)
{
    return project != NULL && access_open(project) != ROLE_NONE;
}

/*
 * Opening a project to everyone, or closing it, concerns all users.  For non-members moving it to
 * the trash closes it, but they learn of that from the project's own topic.
 */
static enum err
tell_everyone(struct change *change, const bson_t *before, const bson_t *after)
{
    bool opened = is_open(after);
    char id[ID_TEXT];
    struct event event = {.kind = EVENT_PROJECT_UPDATED,
                          .rev = doc_int(after, "rev"),
                          .entity_id = id,
                          .changes = opened ? "{\"access\":[\"members\",\"everyone\"]}"
                                            : "{\"access\":[\"everyone\",\"members\"]}"};
    struct text data = {0};
    int topic;
    enum err err;

    if (is_open(before) == opened || doc_has(after, "deletedAt"))
        return ERR_NONE;
    bson_oid_to_string(doc_id(after, "_id"), id);
    doc_write(&data, &project_shape, after);
    if (opened) /* those who may no longer see it get nothing but the id */
        event.data = data.bytes;
    err = change_join_topic(change, EVERYONE_TOPIC, &topic);
    if (err == ERR_NONE)
        err = change_event(change, topic, &event);
    text_free(&data);
    return err;
}

/* Is something else changed in a project that is archived and stays archived? */
static bool
stays_archived(struct request *r, const bson_t *before, const bson_t *after)
{
    bool taken_out = bson_has_field(after, "archived") && !doc_flag(after, "archived");

    if (before == NULL || !doc_has(before, "archivedAt") || taken_out)
        return false;
    return !bson_equal(before, entity_without_virtual(r, &project_shape, after));
}

static bool
same_text(const bson_t *a, const bson_t *b, const char *name)
{
    const char *x = doc_text(a, name), *y = doc_text(b, name);

    return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

/* A token without the scope admin must not open a project to everyone, or close it. */
static enum err
check_scope(struct request *r, const bson_t *before, const bson_t *after)
{
    bool same = before == NULL
                    ? strcmp(doc_text(after, "access"), "members") == 0
                    : same_text(before, after, "access") && same_text(before, after, "accessRole");

    return same || !r->limited ? ERR_NONE
                               : request_fail(r, ERR_FORBIDDEN, "the token lacks the scope admin");
}

/*
 * Is there room for one more project that is open to everyone?  Exact: whether it is created open
 * or opened later, the change then takes a number of the topic `everyone` (tell_everyone()), so if
 * two changes count at the same time one of them runs again.
 */
static enum err
check_open(struct request *r, struct change *change, const bson_t *after)
{
    bson_t *others = request_keep(
        r, BCON_NEW("access", "everyone", "_id", "{", "$ne", BCON_OID(doc_id(after, "_id")), "}"));
    bson_t *own = request_keep(r, bson_copy(others));
    enum err err =
        quotas_exist(r, change_store(change), QUOTA_OPEN_PROJECTS, STORE_PROJECTS, others);

    BSON_APPEND_OID(own, "createdBy", doc_id(after, "createdBy"));
    return err == ERR_NONE ? quotas_exist(r, change_store(change), QUOTA_USER_OPEN_PROJECTS,
                                          STORE_PROJECTS, own)
                           : err;
}

static bool
is_opened(const bson_t *before, const bson_t *after)
{
    return strcmp(doc_text(after, "access"), "everyone") == 0 &&
           (before == NULL || strcmp(doc_text(before, "access"), "everyone") != 0);
}

static enum err
check_project(const struct entity_rules *u)
{
    struct request *r = u->r;
    struct status_use use = {.r = r, .after = u->after, .change = u->change};
    bool archived = doc_flag(u->after, "archived");

    use.moved = request_param(r, "moveTo") != NULL;
    if (check_scope(r, u->before, u->after) != ERR_NONE)
        return ERR_FORBIDDEN;
    if (stays_archived(r, u->before, u->after))
        return request_fail(r, ERR_CONFLICT, PROJECT_ARCHIVED);
    items_check_keys(u, doc_field(project_fields, "statuses"));
    items_check_keys(u, doc_field(project_fields, "labels"));
    if (!project_statuses_any(u->after, is_open_kind, NULL) ||
        !project_statuses_any(u->after, is_done_kind, NULL))
        request_complain(r, "/statuses", "kind",
                         "must include one of kind open and one of kind done");
    if (u->before != NULL)
        project_statuses_any(u->before, check_gone, &use);
    if (doc_flag(u->after, "inbox") &&
        (archived || strcmp(doc_text(u->after, "access"), "members") != 0))
        request_complain(r, archived ? "/archived" : "/access", "inbox",
                         "cannot be changed for the personal project");
    entity_rule_archived(u);
    derived_name_key(doc_text(u->after, "name"), u->extra);
    if (use.err == ERR_NONE && r->complaints == NULL && is_opened(u->before, u->after))
        use.err = check_open(r, u->change, u->after);
    return use.err;
}

static enum err
after_project(struct request *r, struct change *change, const bson_t *before, const bson_t *after)
{
    enum err err = tell_everyone(change, before, after);

    return err == ERR_NONE ? project_lists_changed(r, change, before, after) : err;
}

/* The tasks follow.  ?moveTo= must be a status that remains. */
static enum err
after_removal(struct request *r, struct change *change, const bson_t *project, const char *list,
              const char *key)
{
    bool status = strcmp(list, "statuses") == 0;
    struct project_lists_item item = {.status = status ? key : NULL,
                                      .to = status ? request_param(r, "moveTo") : NULL,
                                      .label = status ? NULL : key};

    if (item.to != NULL && project_statuses_kind(project, item.to) == '\0')
        return request_bad_param(r, "moveTo", "must be another status of the project");
    return status && item.to == NULL ? ERR_NONE : project_lists_removed(r, change, project, &item);
}

enum err
projects_remove_status(struct request *r)
{
    (void)request_param(r, "moveTo"); /* known; read within the change */
    return items_remove(r);
}

const struct resource projects = {
    .shape = &project_shape,
    .store = STORE_PROJECTS,
    .path = "/v1/projects/",
    .is_project = true,
    .change = ACTION_MANAGE,
    .remove = ACTION_OWN,
    .created = EVENT_PROJECT_CREATED,
    .changed = EVENT_PROJECT_UPDATED,
    .removed = EVENT_PROJECT_DELETED,
    .restored = EVENT_PROJECT_RESTORED,
    .check = check_project,
    .after = after_project,
    .after_removal = after_removal,
};

void
projects_write(struct request *r, struct text *out, const bson_t *project)
{
    entity_write(r, out, &projects, project);
}

enum err
projects_member_event(struct change *change, int topic, const struct member_event *m)
{
    struct text data = {0}, changes = {0};
    char user[ID_TEXT], project[ID_TEXT];
    struct event event = {.rev = m->rev, .entity_id = user};
    enum err err;

    event.kind = m->role == NULL     ? EVENT_MEMBER_REMOVED
                 : m->before == NULL ? EVENT_MEMBER_ADDED
                                     : EVENT_MEMBER_UPDATED;
    bson_oid_to_string(m->user, user);
    bson_oid_to_string(m->project, project);
    if (m->role != NULL) {
        text_printf(&data, "{\"userId\":\"%s\",\"role\":\"%s\",\"name\":", user, m->role);
        json_string(&data, m->name, strlen(m->name));
        text_printf(&data, ",\"projectId\":\"%s\"}", project);
        event.data = data.bytes;
    }
    text_puts(&changes, "{\"role\":[");
    text_printf(&changes, m->before == NULL ? "null," : "\"%s\",", m->before);
    text_printf(&changes, m->role == NULL ? "null" : "\"%s\"", m->role);
    text_puts(&changes, "]");
    if (event.kind == EVENT_MEMBER_ADDED)
        text_printf(&changes, ",\"projectId\":[null,\"%s\"]", project);
    else if (event.kind == EVENT_MEMBER_REMOVED)
        text_printf(&changes, ",\"projectId\":[\"%s\",null]", project);
    text_putc(&changes, '}');
    event.changes = changes.bytes;
    err = change_event(change, topic, &event);
    text_free(&data);
    text_free(&changes);
    return err;
}

/* {inbox, archivedAt, deletedAt, members} */
static void
append_server_side(bson_t *doc, bool inbox, const bson_t *members)
{
    BSON_APPEND_BOOL(doc, "inbox", inbox);
    BSON_APPEND_NULL(doc, "archivedAt");
    BSON_APPEND_NULL(doc, "deletedAt");
    BSON_APPEND_ARRAY(doc, "members", members);
}

/* Only the caller, as the owner. */
static const bson_t *
own_membership(struct request *r)
{
    struct doc_array list = {request_keep(r, bson_new()), 0};

    doc_array_add_document(
        &list, request_keep(r, BCON_NEW("userId", BCON_OID(&r->user_id), "role", "owner")));
    return list.bson;
}

bson_t *
projects_with_members(struct request *r, const bson_t *doc, const bson_t *members)
{
    bson_t *whole = request_keep(r, bson_copy(doc));

    append_server_side(whole, false, members);
    return whole;
}

enum err
projects_insert(struct request *r, struct change *change, const bson_t *doc, int user_topic,
                int *topic)
{
    const bson_oid_t *id = doc_id(doc, "_id");
    struct member_event owner = {
        .project = id, .user = &r->user_id, .name = "", .role = "owner", .rev = 1};
    struct entity_change e = {r, change, &projects, 0};
    enum err err;

    if ((err = change_new_topic(change, request_project_topic(r, id), topic)) != ERR_NONE)
        return err;
    e.topic = *topic;
    err = entity_create(&e, doc, request_keep(r, bson_copy(doc)));
    return err == ERR_NONE ? projects_member_event(change, user_topic, &owner) : err;
}

enum err
projects_create_inbox(struct request *r, struct change *change, int user_topic)
{
    bson_t *doc, own = BSON_INITIALIZER, *body = request_keep(r, bson_new());
    int topic;
    enum err err = doc_read_text(r, project_fields, "{\"name\":\"Inbox\"}", body);

    if (err != ERR_NONE)
        return err;
    /* The Inbox has its user's id, so no look-up is needed. */
    BSON_APPEND_OID(&own, "_id", &r->user_id);
    doc = request_keep(r, doc_merge(entity_new(r, change_now(change)), &own));
    bson_concat(doc, body);
    append_server_side(doc, true, own_membership(r));
    bson_destroy(&own);
    return projects_insert(r, change, doc, user_topic, &topic);
}

enum err
projects_check_room(struct request *r, struct change *change)
{
    const bson_oid_t *me = &r->user_id;
    bson_t *any = request_keep(r, BCON_NEW("members.userId", BCON_OID(me)));
    bson_t *mine =
        request_keep(r, BCON_NEW("members.userId", BCON_OID(me), "createdBy", BCON_OID(me)));
    struct store *store = change_store(change);
    enum err err = quotas_exist(r, store, QUOTA_USER_PROJECTS, STORE_PROJECTS, mine);

    return err == ERR_NONE ? quotas_exist(r, store, QUOTA_USER_MEMBERSHIPS, STORE_PROJECTS, any)
                           : err;
}

struct creation {
    struct request *r;
    const bson_t *body;
};

static enum err
create_project(struct change *change, void *arg)
{
    struct creation *c = arg;
    bson_t *doc = entity_new(c->r, change_now(change));
    int topic;
    enum err err = projects_check_room(c->r, change);

    if (err != ERR_NONE)
        return err;
    bson_concat(doc, c->body);
    append_server_side(doc, false, own_membership(c->r));
    return projects_insert(c->r, change, doc, 0, &topic);
}

enum err
projects_create(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    struct creation c = {r, body};
    struct change_plan plan = {.topic_count = 1, .fn = create_project, .arg = &c};
    enum err err = doc_read(r, DOC_CREATE, project_fields, r->json, body);

    plan.topics[0] = request_user_topic(r, &r->user_id);
    return err == ERR_NONE ? request_change(r, &plan) : err;
}
