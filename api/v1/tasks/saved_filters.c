/*
 * /v1/filters: saved filters of the task list.  They belong to their user, with events on the
 * user's topic.  A filter is checked when it is saved; names in it may disappear later.
 */
#include "api/v1/tasks/saved_filters.h"

#include "api/crud/entity.h"
#include "api/crud/field_base.h"
#include "api/crud/page.h"
#include "api/crud/query.h"
#include "api/crud/request_change.h"
#include "api/filter/filter.h"
#include "api/http/doc_read.h"
#include "api/http/quotas.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "api/v1/tasks/task_filter.h"
#include "common/base/id.h"

/* clang-format off */
static const struct field saved_fields[] = {
    ENTITY_FIELDS,
    {"name",   TEXT, MUST_SET | MAY_EDIT, 1, 100},
    {"filter", TEXT, MUST_SET | MAY_EDIT, 1, FILTER_LENGTH, .about = "an expression, as GET /v1/tasks?filter= takes it"},
    {"sort",   TEXT, MAY_EDIT | NULLABLE, 1, 40, .about = "an order of GET /v1/tasks"},
    {"colour", TEXT, MAY_EDIT,            1, 30, .fallback = "\"grey\""},
    {"userId", REF,  HIDDEN},
    {NULL},
};
/* clang-format on */
static const struct order saved_orders[] = {{"createdAt", {"createdAt"}}, {NULL}};

const struct shape saved_filter_shape = {"Filter", saved_fields};
const struct list saved_filter_list = {.store = STORE_FILTERS, .orders = saved_orders};

static enum err
check_saved(const struct entity_rules *u)
{
    const char *sort = doc_text(u->after, "sort");
    struct request *r = u->r;

    if ((u->before == NULL || doc_differs(u->before, u->after, "filter")) &&
        !task_filter_valid(r, doc_text(u->after, "filter")))
        request_complain(r, "/filter", "format", "is wrong at character %d: expected %s",
                         r->position + 1, r->expected);
    if (sort != NULL && !query_has_order(&task_list, sort))
        request_complain(r, "/sort", "choice", "must be an order of the task list");
    return ERR_NONE;
}

const struct resource saved_filters = {
    .shape = &saved_filter_shape,
    .store = STORE_FILTERS,
    .path = "/v1/filters/",
    .created = EVENT_FILTER_CREATED,
    .changed = EVENT_FILTER_UPDATED,
    .removed = EVENT_FILTER_DELETED,
    .check = check_saved,
};

bson_t *
saved_filters_own(struct request *r)
{
    return request_keep(r, BCON_NEW("userId", BCON_OID(&r->user_id)));
}

/* ------------------------------------------------------------ reading */

enum err
filters_list(struct request *r)
{
    return page_reply(r, saved_filters_own(r), entity_write_own);
}

enum err
filters_read(struct request *r)
{
    return entity_read_own(r, &saved_filters, saved_filters_own(r));
}

/* ------------------------------------------------------------ changing */

struct edit {
    struct request *r;
    bson_oid_t id;
    const bson_t *body;
};

static enum err
create(struct change *change, void *arg)
{
    const struct edit *edit = arg;
    const struct entity_change e = {edit->r, change, &saved_filters, 0};
    bson_t *doc = entity_new(edit->r, change_now(change));
    enum err err = quotas_exist(edit->r, change_store(change), QUOTA_USER_FILTERS, STORE_FILTERS,
                                saved_filters_own(edit->r));

    if (err != ERR_NONE)
        return err;
    bson_concat(doc, edit->body);
    BSON_APPEND_OID(doc, "userId", &edit->r->user_id);
    return entity_create(&e, NULL, doc);
}

/* The stored filter, if If-Match and Base-Rev allow a change of these fields. */
static enum err
load(const struct edit *edit, const struct entity_change *e, const struct field_names *names,
     const bson_t **doc)
{
    bson_t *filter = saved_filters_own(edit->r);
    enum err err;

    BSON_APPEND_OID(filter, "_id", &edit->id);
    err = request_find(edit->r, change_store(e->change), STORE_FILTERS, filter, doc);
    if (err == ERR_NONE)
        err = entity_precondition(edit->r, *doc, false, entity_write_own);
    return err == ERR_NONE && names != NULL ? field_base_check(e, *doc, names) : err;
}

static enum err
edit_saved(struct change *change, void *arg)
{
    const struct edit *edit = arg;
    const struct entity_change e = {edit->r, change, &saved_filters, 0};
    struct field_names names = {.count = 0};
    const bson_t *before, *stored;
    bson_t *after;
    enum err err = load(edit, &e, NULL, &before);

    if (err != ERR_NONE)
        return err;
    field_names_of(&names, &saved_filter_shape, edit->body, before);
    if ((err = field_base_check(&e, before, &names)) != ERR_NONE)
        return err;
    after = request_keep(edit->r, doc_merge(before, edit->body));
    if ((err = entity_apply_rules(&e, NULL, before, &after)) != ERR_NONE ||
        (err = entity_store(&e, EVENT_FILTER_UPDATED, before, after, &stored)) != ERR_NONE)
        return err;
    return entity_reply(edit->r, 200, &saved_filters, stored);
}

static enum err
remove_saved(struct change *change, void *arg)
{
    const struct edit *edit = arg;
    const struct entity_change e = {edit->r, change, &saved_filters, 0};
    const struct field_names names = {{"deletedAt"}, 1};
    struct event event = {.kind = EVENT_FILTER_DELETED};
    char id[ID_TEXT];
    bson_t *own = saved_filters_own(edit->r);
    const bson_t *doc;
    enum err err = load(edit, &e, &names, &doc);

    if (err != ERR_NONE)
        return err;
    bson_oid_to_string(&edit->id, id);
    event.entity_id = id;
    event.rev = entity_next_rev(doc);
    BSON_APPEND_OID(own, "_id", &edit->id);
    if ((err = store_remove(change_store(change), STORE_FILTERS, own)) != ERR_NONE ||
        (err = change_event(change, 0, &event)) != ERR_NONE)
        return err;
    return reply_empty(edit->r, 204);
}

static enum err
run(struct edit *edit, change_fn fn)
{
    struct change_plan plan = {.topics = {request_user_topic(edit->r, &edit->r->user_id)},
                               .topic_count = 1,
                               .fn = fn,
                               .arg = edit};

    return request_change(edit->r, &plan);
}

enum err
filters_create(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    struct edit edit = {.r = r, .body = body};
    enum err err = doc_read(r, DOC_CREATE, saved_fields, r->json, body);

    return err == ERR_NONE ? run(&edit, create) : err;
}

enum err
filters_change(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    struct edit edit = {.r = r, .body = body};
    enum err err;

    if ((err = request_id_arg(r, 0, &edit.id)) != ERR_NONE ||
        (err = doc_read(r, DOC_CHANGE, saved_fields, r->json, body)) != ERR_NONE)
        return err;
    return run(&edit, edit_saved);
}

enum err
filters_remove(struct request *r)
{
    struct edit edit = {.r = r};
    enum err err = request_id_arg(r, 0, &edit.id);

    return err == ERR_NONE ? run(&edit, remove_saved) : err;
}
