/*
 * /v1/notifications: a user's notifications, and which of them were read.
 */
#include "api/v1/notifications.h"

#include <string.h>

#include "api/access/api_token_auth.h"
#include "api/batch/operation.h"
#include "api/crud/entity.h"
#include "api/crud/page.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/quotas.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "common/base/id.h"
#include "common/store/store_gather.h"

#define TRIM_EVERY    8
#define READ_AT_ONCE  100  /* notifications that one change marks as read */
#define READ_IN_BATCH 1000 /* and one that is an operation of a batch */

/* clang-format off */
static const struct field notification_fields[] = {
    ENTITY_FIELDS,
    {"kind",      TEXT,    0, .about = "assigned, mentioned, commented or statusChanged (of a task that you watch), reminder or invited"},
    {"projectId", REF,     0},
    {"taskId",    REF,     NULLABLE, .about = "null for an invitation"},
    {"title",     TEXT,    NULLABLE, .about = "the task's title if known; for an invitation, the project's name"},
    {"invitationId", REF,  NULLABLE, .about = "for POST /v1/invitations/accept and decline"},
    {"read",      FLAG,    MUST_SET | MAY_EDIT, .fallback = "false"},
    {"userId",    REF,     HIDDEN},
    {NULL},
};
static const struct filter notification_filters[] = {
    {"read", "read", FLAG, EQUALS},
    {NULL},
};
/* clang-format on */
static const struct order notification_orders[] = {{"-createdAt", {"-createdAt"}}, {NULL}};
const struct list notification_list = {
    .store = STORE_NOTIFICATIONS, .filters = notification_filters, .orders = notification_orders};

const struct shape notification_shape = {"Notification", notification_fields};

static const struct resource notifications = {
    .shape = &notification_shape,
    .store = STORE_NOTIFICATIONS,
    .path = "/v1/notifications/",
    .created = EVENT_NOTIFICATION_CREATED,
    .changed = EVENT_NOTIFICATION_UPDATED,
    .removed = EVENT__COUNT,
    .restored = EVENT__COUNT,
};

/*
 * Keeps only a user's newest notifications.  Checked for one of TRIM_EVERY new ones, at random, so
 * there may be a few times TRIM_EVERY too many for a while.
 */
static enum err
trim(struct request *r, struct change *change, const bson_oid_t *user)
{
    bson_t *theirs = request_keep(r, BCON_NEW("userId", BCON_OID(user))), *doc;
    bson_t *first =
        request_keep(r, BCON_NEW("sort", "{", "createdAt", BCON_INT32(-1), "_id", BCON_INT32(-1),
                                 "}", "skip", BCON_INT64(quotas_limit(QUOTA_USER_NOTIFICATIONS)),
                                 "projection", "{", "createdAt", BCON_BOOL(true), "}"));
    bson_t older;
    int64_t at = 0;
    enum err err = store_get(change_store(change), STORE_NOTIFICATIONS, theirs, first, &doc);

    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    doc_time(request_keep(r, doc), "createdAt", &at);
    BSON_APPEND_DOCUMENT_BEGIN(theirs, "createdAt", &older);
    BSON_APPEND_DATE_TIME(&older, "$lte", at);
    bson_append_document_end(theirs, &older);
    return store_remove_many(change_store(change), STORE_NOTIFICATIONS, theirs);
}

/* Stores a notification, with an event on its user's topic. */
static enum err
insert(struct request *r, struct change *change, const bson_t *doc)
{
    struct text data = {0};
    char id[ID_TEXT];
    unsigned char dice;
    struct event event = {.kind = EVENT_NOTIFICATION_CREATED, .rev = 1, .entity_id = id};
    int topic;
    enum err err = ERR_NONE;

    bson_oid_to_string(doc_id(doc, "_id"), id);
    doc_write(&data, &notification_shape, doc);
    event.data = data.bytes;
    store_gather_insert(change_store(change), STORE_NOTIFICATIONS, doc);
    text_random(&dice, 1);
    if (dice % TRIM_EVERY == 0)
        err = trim(r, change, doc_id(doc, "userId"));
    if (err == ERR_NONE)
        err = change_join_topic(change, request_user_topic(r, doc_id(doc, "userId")), &topic);
    if (err == ERR_NONE)
        err = change_event(change, topic, &event);
    text_free(&data);
    return err;
}

/*
 * Has the caller caused so many of the user's notifications that no more are made?  The count is
 * kept separately, since notifications are removed when the user leaves or the task moves.
 */
static enum err
is_flooded(struct request *r, struct change *change, const bson_oid_t *task, const bson_oid_t *user,
           bool *flooded)
{
    char hex[ID_TEXT], task_hex[ID_TEXT];

    bson_oid_to_string(user, hex);
    bson_oid_to_string(task, task_hex);
    return quotas_take(change,
                       &(struct quota_use){QUOTA_SENDER_NOTIFICATIONS,
                                           arena_printf(r->arena, "%s %s", r->user, hex), task_hex},
                       flooded);
}

/* The task that a notification is about; about: the task, or a comment on it. */
static void
append_task(bson_t *doc, const bson_t *about, const bson_oid_t *task)
{
    BSON_APPEND_OID(doc, "projectId", doc_id(about, "projectId"));
    BSON_APPEND_OID(doc, "taskId", task);
    if (doc_text(about, "title") != NULL)
        BSON_APPEND_UTF8(doc, "title", doc_text(about, "title"));
    else
        BSON_APPEND_NULL(doc, "title");
}

enum err
notifications_tell(struct request *r, struct change *change, const struct notification *n,
                   const bson_t *about, const bson_oid_t *user)
{
    bson_t *doc = entity_new(r, change_now(change));
    bool flooded;
    enum err err = is_flooded(r, change, n->task, user, &flooded);

    if (err != ERR_NONE || flooded || !operation_may_tell(r->operation, user))
        return err;
    BSON_APPEND_UTF8(doc, "kind", n->kind);
    append_task(doc, about, n->task);
    BSON_APPEND_BOOL(doc, "read", false);
    BSON_APPEND_OID(doc, "userId", user);
    return insert(r, change, doc);
}

enum err
notifications_invited(struct request *r, struct change *change, const bson_t *invitation,
                      const bson_t *project, const bson_oid_t *user)
{
    const bson_oid_t *id = doc_id(invitation, "_id");
    bson_t *own = request_keep(r, BCON_NEW("_id", BCON_OID(id)));
    bson_t *doc = request_keep(r, doc_merge(entity_new(r, change_now(change)), own));

    BSON_APPEND_UTF8(doc, "kind", "invited");
    BSON_APPEND_OID(doc, "projectId", doc_id(project, "_id"));
    BSON_APPEND_NULL(doc, "taskId");
    BSON_APPEND_UTF8(doc, "title", doc_text(project, "name"));
    BSON_APPEND_OID(doc, "invitationId", id);
    BSON_APPEND_BOOL(doc, "read", false);
    BSON_APPEND_OID(doc, "userId", user);
    return insert(r, change, doc);
}

enum err
notifications_remind(struct request *r, struct change *change, const bson_t *task,
                     const bson_oid_t *user)
{
    bson_t *own =
        request_keep(r, BCON_NEW("createdBy", BCON_OID(user), "updatedBy", BCON_OID(user)));
    bson_t *doc = request_keep(r, doc_merge(entity_new(r, change_now(change)), own));
    const bson_oid_t *id = doc_id(task, "_id");
    bool flooded = false;
    enum err err = ERR_NONE;

    if (!bson_oid_equal(user, &r->user_id))
        err = is_flooded(r, change, id, user, &flooded);
    if (err != ERR_NONE || flooded)
        return err;
    BSON_APPEND_UTF8(doc, "kind", "reminder");
    append_task(doc, task, id);
    BSON_APPEND_BOOL(doc, "read", false);
    BSON_APPEND_OID(doc, "userId", user);
    return insert(r, change, doc);
}

enum err
notifications_add(struct request *r, struct change *change, const struct notification *n,
                  const bson_t *before, const bson_t *after)
{
    bson_iter_t iter, list;
    enum err err = ERR_NONE;

    if (!bson_iter_init_find(&iter, after, n->field) || !bson_iter_recurse(&iter, &list))
        return ERR_NONE;
    while (err == ERR_NONE && bson_iter_next(&list)) {
        const bson_oid_t *user = bson_iter_oid(&list);

        if (!bson_oid_equal(user, &r->user_id) &&
            !(before != NULL && doc_lists(before, n->field, user)))
            err = notifications_tell(r, change, n, after, user);
    }
    return err;
}

/* Users who cannot read the new project lose their notifications of the task. */
enum err
notifications_move(struct request *r, struct change *change, const bson_t *tasks_moved,
                   const bson_t *project)
{
    bson_t *all = request_keep(r, bson_new());
    bson_t *members = request_keep(r, access_member_ids(project));
    bson_t *outsiders = request_keep(r, BCON_NEW("userId", "{", "$nin", BCON_ARRAY(members), "}"));
    bson_t *set = request_keep(r, BCON_NEW("projectId", BCON_OID(doc_id(project, "_id"))));
    bson_t *update = entity_update(r, change_now(change), set);
    enum err err = ERR_NONE;

    doc_in(all, "taskId", tasks_moved);
    doc_in(outsiders, "taskId", tasks_moved);
    if (access_open(project) == ROLE_NONE)
        err = store_remove_many(change_store(change), STORE_NOTIFICATIONS, outsiders);
    if (err != ERR_NONE)
        return err;
    return store_update_many(change_store(change), STORE_NOTIFICATIONS, all, update, NULL);
}

enum err
notifications_leave(struct request *r, struct change *change, const bson_oid_t *project,
                    const bson_oid_t *user)
{
    bson_t *theirs =
        request_keep(r, BCON_NEW("userId", BCON_OID(user), "projectId", BCON_OID(project), "kind",
                                 "{", "$ne", BCON_UTF8("invited"), "}"));

    return store_remove_many(change_store(change), STORE_NOTIFICATIONS, theirs);
}

static void
write_notification(struct request *r, struct text *out, const bson_t *doc)
{
    (void)r;
    doc_write(out, &notification_shape, doc);
}

bson_t *
notifications_own(struct request *r)
{
    bson_t *filter = request_keep(r, BCON_NEW("userId", BCON_OID(&r->user_id)));

    api_token_auth_within(r, "projectId", filter);
    return filter;
}

enum err
notifications_list(struct request *r)
{
    return page_reply(r, notifications_own(r), write_notification);
}

/* ------------------------------------------------------------ marking as read */

struct marking {
    struct request *r;
    bson_oid_t id;
    bool read;
    int most; /* of all unread ones: how many this change may mark */
};

/* Stores whether it was read, with an event on its user's topic, the only one of the change. */
static enum err
store_read(const struct marking *m, struct change *change, const bson_t *doc, const bson_t **stored)
{
    const struct entity_change e = {m->r, change, &notifications, 0};
    bson_t *set = request_keep(m->r, BCON_NEW("read", BCON_BOOL(m->read)));

    return entity_store(&e, EVENT_NOTIFICATION_UPDATED, doc,
                        request_keep(m->r, doc_merge(doc, set)), stored);
}

static enum err
mark(struct change *change, void *arg)
{
    const struct marking *m = arg;
    struct request *r = m->r;
    bson_t *filter = notifications_own(r);
    const bson_t *doc, *stored;
    enum err err;

    BSON_APPEND_OID(filter, "_id", &m->id);
    if ((err = request_find(r, change_store(change), STORE_NOTIFICATIONS, filter, &doc)) !=
            ERR_NONE ||
        (err = store_read(m, change, doc, &stored)) != ERR_NONE)
        return err;
    return reply_doc(r, 200, &notification_shape, stored);
}

enum err
notifications_change(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    struct marking m = {.r = r};
    struct change_plan plan = {
        .topics = {request_user_topic(r, &r->user_id)}, .topic_count = 1, .fn = mark, .arg = &m};
    enum err err;

    if ((err = request_id_arg(r, 0, &m.id)) != ERR_NONE ||
        (err = doc_read(r, DOC_CREATE, notification_fields, r->json, body)) != ERR_NONE)
        return err;
    m.read = doc_flag(body, "read");
    return request_change(r, &plan);
}

/* Unread notifications. */
struct unread {
    struct request *r;
    const bson_t *docs[READ_IN_BATCH + 1];
    int count;
};

static enum err
note_unread(void *arg, const bson_t *doc)
{
    struct unread *u = arg;

    u->docs[u->count++] = request_keep(u->r, bson_copy(doc));
    return ERR_NONE;
}

/* The caller's newest unread notifications, one more than `most` if there are more. */
static enum err
find_unread(struct request *r, int most, struct unread **out)
{
    bson_t *filter = notifications_own(r);
    bson_t *opts = request_keep(r, BCON_NEW("sort", "{", "createdAt", BCON_INT32(-1), "_id",
                                            BCON_INT32(-1), "}", "limit", BCON_INT64(most + 1)));
    struct unread *u = arena_alloc(r->arena, sizeof(*u));

    BSON_APPEND_BOOL(filter, "read", false);
    u->r = r;
    u->count = 0;
    *out = u;
    return store_find(r->store, &(struct store_query){STORE_NOTIFICATIONS, filter, opts},
                      note_unread, u);
}

static enum err
mark_all(struct change *change, void *arg)
{
    const struct marking *m = arg;
    struct unread *u;
    const bson_t *stored;
    enum err err = find_unread(m->r, m->most, &u);

    if (err == ERR_NONE && u->count > m->most && m->r->step != NULL)
        return request_fail(m->r, ERR_TOO_MUCH,
                            "more than %d notifications are unread: mark them outside a batch",
                            m->most);
    for (int i = 0; err == ERR_NONE && i < u->count && i < m->most; i++)
        err = store_read(m, change, u->docs[i], &stored);
    return err == ERR_NONE ? reply_empty(m->r, 204) : err;
}

/*
 * Changes of limited size, so that nobody waits long for the user's topic.  Only the last one has
 * the request's key: if the others are repeated, they find less to do.
 */
enum err
notifications_read_all(struct request *r)
{
    struct marking m = {
        .r = r, .read = true, .most = r->step != NULL ? READ_IN_BATCH : READ_AT_ONCE};
    struct change_plan plan = {.topics = {request_user_topic(r, &r->user_id)},
                               .topic_count = 1,
                               .fn = mark_all,
                               .arg = &m};
    const char *key = r->key;
    struct unread *u;
    enum err err = ERR_NONE;

    r->key = NULL;
    while (r->step == NULL && (err = find_unread(r, m.most, &u)) == ERR_NONE && u->count > m.most)
        if ((err = request_change(r, &plan)) != ERR_NONE)
            break;
    r->key = key;
    return err == ERR_NONE ? request_change(r, &plan) : err;
}
