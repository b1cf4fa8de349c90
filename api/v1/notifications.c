/*
 * /v1/notifications: what a user was told, and what of it was read.
 */
#include "api/v1/notifications.h"

#include <string.h>

#include "api/crud.h"
#include "api/doc.h"
#include "api/reply.h"
#include "api/request.h"
#include "api/v1/handlers.h"

/* clang-format off */
static const struct field notification_fields[] = {
    {"id",        REF,     0},
    {"rev",       INTEGER, 0},
    {"createdAt", INSTANT, 0},
    {"createdBy", REF,     0},
    {"updatedAt", INSTANT, 0},
    {"updatedBy", REF,     0},
    {"kind",      TEXT,    0, .about = "assigned or mentioned"},
    {"projectId", REF,     0},
    {"taskId",    REF,     0},
    {"title",     TEXT,    NULLABLE, .about = "the task's, where it was at hand"},
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
static const struct list notification_list = {notification_filters, notification_orders, NULL};

const struct shape notification_shape = {"Notification", notification_fields};

static bool
lists(const bson_t *doc, const char *field, const bson_oid_t *id)
{
    bson_iter_t iter, list;

    if (doc == NULL || !bson_iter_init_find(&iter, doc, field) || !bson_iter_recurse(&iter, &list))
        return false;
    while (bson_iter_next(&list))
        if (BSON_ITER_HOLDS_OID(&list) && bson_oid_equal(bson_iter_oid(&list), id))
            return true;
    return false;
}

static enum err
add_one(struct request *r, struct change *change, const char *kind, const bson_t *about,
        const bson_oid_t *task, const bson_oid_t *user)
{
    struct text data = {0};
    char user_hex[25], hex[25];
    struct event event = {.kind = EVENT_NOTIFICATION_CREATED, .rev = 1, .entity_id = hex};
    bson_oid_t id;
    bson_t *doc = crud_new(r, change_now(change), &id);
    int topic;
    enum err err;

    BSON_APPEND_UTF8(doc, "kind", kind);
    BSON_APPEND_OID(doc, "projectId", doc_id(about, "projectId"));
    BSON_APPEND_OID(doc, "taskId", task);
    if (doc_text(about, "title") != NULL)
        BSON_APPEND_UTF8(doc, "title", doc_text(about, "title"));
    else
        BSON_APPEND_NULL(doc, "title");
    BSON_APPEND_BOOL(doc, "read", false);
    BSON_APPEND_OID(doc, "userId", user);
    bson_oid_to_string(user, user_hex);
    bson_oid_to_string(&id, hex);
    doc_write(&data, &notification_shape, doc);
    event.data = data.bytes;
    err = store_insert(change_store(change), STORE_NOTIFICATIONS, doc);
    if (err == ERR_NONE)
        err = change_join_topic(change, arena_printf(r->arena, "user:%s", user_hex), &topic);
    if (err == ERR_NONE)
        err = change_event(change, topic, &event);
    text_free(&data);
    return err;
}

enum err
notifications_add(struct request *r, struct change *change, const char *kind, const char *field,
                  const bson_t *before, const bson_t *after, const bson_oid_t *task)
{
    bson_iter_t iter, list;
    enum err err = ERR_NONE;

    if (!bson_iter_init_find(&iter, after, field) || !bson_iter_recurse(&iter, &list))
        return ERR_NONE;
    while (err == ERR_NONE && bson_iter_next(&list)) {
        const bson_oid_t *user = bson_iter_oid(&list);

        if (!bson_oid_equal(user, &r->user_id) && !lists(before, field, user))
            err = add_one(r, change, kind, after, task, user);
    }
    return err;
}

static void
write_notification(struct request *r, struct text *out, const bson_t *doc)
{
    (void)r;
    doc_write(out, &notification_shape, doc);
}

enum err
notifications_list(struct request *r)
{
    return crud_page(r, STORE_NOTIFICATIONS, &notification_list,
                     request_keep(r, BCON_NEW("userId", BCON_OID(&r->user_id))),
                     write_notification);
}

struct marking {
    struct request *r;
    bson_oid_t id;
    bool all, read;
};

static enum err
mark(struct change *change, void *arg)
{
    struct marking *m = arg;
    struct request *r = m->r;
    bson_t *filter = request_keep(r, BCON_NEW("userId", BCON_OID(&r->user_id)));
    bson_t *update = request_keep(r, BCON_NEW("$set", "{", "read", BCON_BOOL(m->read), "updatedAt",
                                              BCON_DATE_TIME(change_now(change)), "}", "$inc", "{",
                                              "rev", BCON_INT64(1), "}"));
    const bson_t *doc;
    int64_t matched;
    enum err err;

    if (m->all) {
        BSON_APPEND_BOOL(filter, "read", false);
        err = store_update_many(change_store(change), STORE_NOTIFICATIONS, filter, update, NULL);
        return err == ERR_NONE ? reply_empty(r, 204) : err;
    }
    BSON_APPEND_OID(filter, "_id", &m->id);
    err = store_update(change_store(change), STORE_NOTIFICATIONS, filter, update, &matched);
    if (err == ERR_NONE && matched == 0)
        err = ERR_NOT_FOUND;
    if (err == ERR_NONE)
        err = crud_get(r, STORE_NOTIFICATIONS, &m->id, &doc);
    return err == ERR_NONE ? reply_doc(r, 200, &notification_shape, doc) : err;
}

enum err
notifications_change(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    struct marking m = {.r = r};
    struct change_plan plan = {.fn = mark, .arg = &m};
    enum err err;

    if ((err = request_id_arg(r, 0, &m.id)) != ERR_NONE ||
        (err = doc_read(r, DOC_CREATE, notification_fields, r->json, body)) != ERR_NONE)
        return err;
    m.read = doc_flag(body, "read");
    return request_change(r, &plan);
}

enum err
notifications_read_all(struct request *r)
{
    struct marking m = {.r = r, .all = true, .read = true};
    struct change_plan plan = {.fn = mark, .arg = &m};

    return request_change(r, &plan);
}
