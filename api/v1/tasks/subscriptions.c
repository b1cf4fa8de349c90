/*
 * /v1/tasks/{id}/subscription and /v1/subscriptions: which tasks the caller watches or has muted.
 *
 * A change takes numbers of two topics: the user's, which has the event, and the project's, which
 * is given back.  So it conflicts with whatever moves the task or takes the user's rights away.
 */
#include "api/v1/tasks/subscriptions.h"

#include <string.h>

#include "api/access/access.h"
#include "api/access/api_token_auth.h"
#include "api/access/project_access.h"
#include "api/access/read_access.h"
#include "api/crud/entity.h"
#include "api/crud/page.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/quotas.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "api/v1/tasks/task_path.h"
#include "api/v1/tasks/task_watchers.h"

#define JOB_MS (7 * 86400000LL) /* how long the copying is tried again */

static const char *const set_states[] = {"watching", "muted", NULL};
static const char *const states[] = {"watching", "muted", "none", NULL};

/* clang-format off */
static const struct field subscription_fields[] = {
    ENTITY_FIELDS,
    {"taskId",    REF,    0},
    {"projectId", REF,    0},
    {"state",     CHOICE, 0, .choices = set_states},
    {"userId",    REF,    HIDDEN},
    {NULL},
};
static const struct field put_fields[] = {
    {"state",     CHOICE, MUST_SET, .choices = set_states},
    {NULL},
};
static const struct field view_fields[] = {
    {"taskId",    REF,    0},
    {"state",     CHOICE, 0, .choices = states},
    {"isDefault", FLAG,   0, .about = "true if you have not set it: then the creator, assignees and whoever commented or was mentioned watch"},
    {NULL},
};
/* clang-format on */
static const struct order subscription_orders[] = {{"createdAt", {"createdAt"}}, {NULL}};

const struct shape subscription_shape = {"Subscription", subscription_fields};
const struct shape subscription_put_shape = {"SubscriptionState", put_fields};
const struct shape task_subscription_shape = {"TaskSubscription", view_fields};
const struct list subscription_list = {.store = STORE_SUBSCRIPTIONS, .orders = subscription_orders};

static const struct resource subscriptions = {
    .shape = &subscription_shape,
    .store = STORE_SUBSCRIPTIONS,
    .path = "/v1/subscriptions/",
    .created = EVENT_SUBSCRIPTION_CREATED,
    .changed = EVENT_SUBSCRIPTION_UPDATED,
    .removed = EVENT_SUBSCRIPTION_DELETED,
};

bson_t *
subscriptions_own(struct request *r)
{
    bson_t *filter = request_keep(r, BCON_NEW("userId", BCON_OID(&r->user_id)));

    api_token_auth_within(r, "projectId", filter);
    return filter;
}

/* The caller's document for a task; NULL: there is none.  The request owns it. */
static enum err
find_own(struct request *r, const bson_oid_t *task, const bson_t **out)
{
    bson_t *which =
        request_keep(r, BCON_NEW("taskId", BCON_OID(task), "userId", BCON_OID(&r->user_id)));
    bson_t *doc;
    enum err err = store_get(r->store, STORE_SUBSCRIPTIONS, which, NULL, &doc);

    *out = err == ERR_NONE ? request_keep(r, doc) : NULL;
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

/* ------------------------------------------------------------ reading */

static enum err
reply_state(struct request *r, const bson_t *task, const char *state)
{
    bool is_default = state == NULL;
    bson_t *doc;

    if (is_default)
        state = task_watchers_by_default(task, &r->user_id) ? "watching" : "none";
    doc = request_keep(r, BCON_NEW("taskId", BCON_OID(doc_id(task, "_id")), "state",
                                   BCON_UTF8(state), "isDefault", BCON_BOOL(is_default)));
    doc_write(reply_json(r, 200), &task_subscription_shape, doc);
    return ERR_NONE;
}

enum err
subscriptions_read(struct request *r)
{
    const bson_t *task, *own;
    bson_oid_t id;
    enum err err;

    if ((err = request_id_arg(r, 0, &id)) != ERR_NONE ||
        (err = request_params_done(r)) != ERR_NONE ||
        (err = read_access_get(r, STORE_TASKS, &id, &task)) != ERR_NONE ||
        (err = find_own(r, &id, &own)) != ERR_NONE)
        return err;
    return reply_state(r, task, own == NULL ? NULL : doc_text(own, "state"));
}

static void
write_subscription(struct request *r, struct text *out, const bson_t *doc)
{
    (void)r;
    doc_write(out, &subscription_shape, doc);
}

enum err
subscriptions_list(struct request *r)
{
    return page_reply(r, subscriptions_own(r), write_subscription);
}

/* ------------------------------------------------------------ changing */

/* The change's topic that belongs to the caller. */
static int
own_topic(struct request *r, struct change *change)
{
    return change_topic(change, request_user_topic(r, &r->user_id));
}

static enum err
create(struct request *r, struct change *change, const bson_t *task, const char *state)
{
    const struct entity_change e = {r, change, &subscriptions, own_topic(r, change)};
    bson_t *doc = entity_new(r, change_now(change));

    BSON_APPEND_OID(doc, "taskId", doc_id(task, "_id"));
    BSON_APPEND_OID(doc, "projectId", doc_id(task, "projectId"));
    BSON_APPEND_UTF8(doc, "state", state);
    BSON_APPEND_OID(doc, "userId", &r->user_id);
    return entity_insert(&e, doc);
}

static enum err
create_within_quota(struct request *r, struct change *change, const bson_t *task, const char *state)
{
    bson_t *theirs = request_keep(r, BCON_NEW("userId", BCON_OID(&r->user_id)));
    enum err err = quotas_exist(r, change_store(change), QUOTA_USER_SUBSCRIPTIONS,
                                STORE_SUBSCRIPTIONS, theirs);

    return err == ERR_NONE ? create(r, change, task, state) : err;
}

static enum err
put(struct request *r, struct change *change, void *arg, const bson_t *task, const bson_t *project)
{
    const struct entity_change e = {r, change, &subscriptions, own_topic(r, change)};
    const char *state = doc_text(arg, "state");
    const bson_t *own, *stored;
    enum err err = find_own(r, doc_id(task, "_id"), &own);

    (void)project;
    if (err == ERR_NONE && own == NULL)
        err = create_within_quota(r, change, task, state);
    else if (err == ERR_NONE)
        err = entity_store(&e, EVENT_SUBSCRIPTION_UPDATED, own,
                           request_keep(r, doc_merge(own, arg)), &stored);
    return err == ERR_NONE ? reply_state(r, task, state) : err;
}

/* The event has the document as it was, which names the task. */
static enum err
tell_removed(struct request *r, struct change *change, const bson_t *own)
{
    struct text data = {0};
    char id[ID_TEXT];
    struct event event = {
        .kind = EVENT_SUBSCRIPTION_DELETED, .rev = entity_next_rev(own), .entity_id = id};
    enum err err;

    bson_oid_to_string(doc_id(own, "_id"), id);
    doc_write(&data, &subscription_shape, own);
    event.data = data.bytes;
    err = change_event(change, own_topic(r, change), &event);
    text_free(&data);
    return err;
}

static enum err
drop(struct request *r, struct change *change, void *arg, const bson_t *task, const bson_t *project)
{
    const bson_t *own;
    bson_t *which;
    enum err err = find_own(r, doc_id(task, "_id"), &own);

    (void)arg;
    (void)project;
    if (err == ERR_NONE && own != NULL) {
        which = request_keep(r, BCON_NEW("_id", BCON_OID(doc_id(own, "_id"))));
        err = store_remove(change_store(change), STORE_SUBSCRIPTIONS, which);
        if (err == ERR_NONE)
            err = tell_removed(r, change, own);
    }
    return err == ERR_NONE ? reply_empty(r, 204) : err;
}

enum err
subscriptions_put(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    const struct task_path_change what = {
        .action = ACTION_READ, .personal = true, .fn = put, .arg = body};
    enum err err = doc_read(r, DOC_CREATE, put_fields, r->json, body);

    return err == ERR_NONE ? task_path_run(r, &what) : err;
}

enum err
subscriptions_remove(struct request *r)
{
    const struct task_path_change what = {.action = ACTION_READ, .personal = true, .fn = drop};

    return task_path_run(r, &what);
}

/* ------------------------------------------------------------ what happens to the task */

enum err
subscriptions_move(struct request *r, struct change *change, const bson_t *tasks_moved,
                   const bson_t *project)
{
    struct store *store = change_store(change);
    bson_t *all = request_keep(r, bson_new());
    bson_t *members = request_keep(r, access_member_ids(project));
    bson_t *outsiders = request_keep(r, BCON_NEW("userId", "{", "$nin", BCON_ARRAY(members), "}"));
    bson_t *set = request_keep(r, BCON_NEW("projectId", BCON_OID(doc_id(project, "_id"))));
    enum err err = ERR_NONE;

    doc_in(all, "taskId", tasks_moved);
    doc_in(outsiders, "taskId", tasks_moved);
    if (access_open(project) == ROLE_NONE)
        err = store_remove_many(store, STORE_SUBSCRIPTIONS, outsiders);
    if (err != ERR_NONE)
        return err;
    return store_update_many(store, STORE_SUBSCRIPTIONS, all,
                             entity_update(r, change_now(change), set), NULL);
}

enum err
subscriptions_leave(struct request *r, struct change *change, const bson_oid_t *project,
                    const bson_oid_t *user)
{
    bson_t *theirs =
        request_keep(r, BCON_NEW("userId", BCON_OID(user), "projectId", BCON_OID(project)));

    return store_remove_many(change_store(change), STORE_SUBSCRIPTIONS, theirs);
}

enum err
subscriptions_queue_copies(struct change *change, const bson_t *pairs)
{
    bson_t content = BSON_INITIALIZER;
    int64_t now = change_now(change);
    enum err err;

    BSON_APPEND_ARRAY(&content, "pairs", pairs);
    err = queue_job(change, JOB_SUBSCRIPTIONS, now, now + JOB_MS, &content);
    bson_destroy(&content);
    return err;
}

/* The copying of the caller's state to a task. */
struct copying {
    struct request *r;
    bson_oid_t task, project; /* in whose topic the change is planned */
    const char *state;
};

static enum err
copy(struct change *change, void *arg)
{
    struct copying *c = arg;
    struct request *r = c->r;
    const bson_t *task, *project, *own;
    enum err err;

    if ((err = request_fetch(r, STORE_TASKS, &c->task, &task)) != ERR_NONE)
        return err;
    if (!bson_oid_equal(doc_id(task, "projectId"), &c->project))
        return ERR_BUSY; /* moved since it was read: the job is tried again */
    if ((err = project_access(r, &c->project, ACTION_READ, &project)) != ERR_NONE ||
        (err = find_own(r, &c->task, &own)) != ERR_NONE || own != NULL)
        return err;
    return create(r, change, task, c->state);
}

enum err
subscriptions_copy(struct request *r, const bson_oid_t *task, const char *state)
{
    struct copying c = {.r = r, .task = *task, .state = state};
    struct change_plan plan = {.topic_count = 2, .fn = copy, .arg = &c};
    const bson_t *doc;
    enum err err = request_fetch(r, STORE_TASKS, task, &doc);

    if (err != ERR_NONE || doc_has(doc, "deletedAt"))
        return err;
    c.project = *doc_id(doc, "projectId");
    plan.topics[0] = request_project_topic(r, &c.project);
    plan.topics[1] = request_user_topic(r, &r->user_id);
    return request_change(r, &plan);
}
