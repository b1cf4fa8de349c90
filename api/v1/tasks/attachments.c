/*
 * /v1/tasks/{id}/attachments and /v1/attachments/{id}: what is known about files.
 */
#include "api/v1/tasks/attachments.h"

#include <stdlib.h>
#include <string.h>

#include "api/access/read_access.h"
#include "api/crud/entity.h"
#include "api/http/file_name.h"
#include "api/http/quotas.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "api/v1/tasks/task_counts.h"
#include "api/v1/tasks/task_path.h"
#include "common/base/vec.h"
#include "common/store/store_files.h"

/* clang-format off */
const struct field attachment_fields[] = {
    /* name        kind     a client   limits */
    ENTITY_FIELDS,
    {"taskId",     REF,     0},
    {"projectId",  REF,     0},
    {"name",       TEXT,    MAY_EDIT,  1, FILE_NAME_MAX, .about = "at most 255 bytes, without / and \\, control and direction characters"},
    {"size",       INTEGER, 0,         .about = "bytes"},
    {"type",       TEXT,    0,         .about = "media type, from the first bytes and the Content-Type it came with"},
    {"sha256",     TEXT,    0,         .about = "of the bytes, in hex"},
    {"contentId",  REF,     HIDDEN},
    {"deletedAt",  INSTANT, NULLABLE},
    {"movedAt",    INSTANT, HIDDEN}, /* when it came to this project with its task: for /v1/sync */
    {NULL},
};
/* clang-format on */

const struct shape attachment_shape = {"Attachment", attachment_fields};

static enum err
check_attachment(const struct entity_rules *u)
{
    const char *fault = file_name_fault(doc_text(u->after, "name"));

    if (fault != NULL)
        request_complain(u->r, "/name", "format", "%s", fault);
    return u->before == NULL ? ERR_NONE : task_path_living(u->r, u->before);
}

static void
forget_attachment(bson_t *set)
{
    BSON_APPEND_UTF8(set, "name", "");
}

/* The bytes in the sum of a project; 0 for one that never had an attachment. */
static enum err
read_bytes(struct request *r, const bson_oid_t *project, int64_t *bytes)
{
    bson_t *which = request_keep(r, BCON_NEW("_id", BCON_UTF8(request_project_topic(r, project))));
    bson_t *topic;
    enum err err = store_get(r->store, STORE_TOPICS, which, NULL, &topic);

    if (err != ERR_NONE)
        return err;
    *bytes = doc_int(request_keep(r, topic), EVENT_LOG_FILES);
    return ERR_NONE;
}

enum err
attachments_room(struct request *r, const bson_t *project, int64_t bytes)
{
    int64_t used;
    enum err err = read_bytes(r, doc_id(project, "_id"), &used);

    if (err == ERR_NONE && used + bytes > quotas_limit(QUOTA_PROJECT_BYTES))
        err = quotas_refuse(r, QUOTA_PROJECT_BYTES);
    return err;
}

enum err
attachments_count_bytes(struct request *r, struct change *change, const bson_oid_t *project,
                        int64_t more)
{
    bson_t *which = request_keep(r, BCON_NEW("_id", BCON_UTF8(request_project_topic(r, project))));
    bson_t *add = request_keep(r, BCON_NEW("$inc", "{", EVENT_LOG_FILES, BCON_INT64(more), "}"));
    int64_t bytes;
    enum err err = store_update(change_store(change), STORE_TOPICS, which, add, NULL);

    if (err != ERR_NONE || more <= 0 || (err = read_bytes(r, project, &bytes)) != ERR_NONE)
        return err;
    return bytes > quotas_limit(QUOTA_PROJECT_BYTES) ? quotas_refuse(r, QUOTA_PROJECT_BYTES)
                                                     : ERR_NONE;
}

/* Gives up the content of an attachment that has been removed. */
static enum err
release_content(struct request *r, struct change *change, const bson_t *before, const bson_t *after)
{
    enum err err;

    if (before == NULL || !doc_has(after, "deletedAt"))
        return ERR_NONE;
    err = store_files_release(change_store(change), doc_id(after, "contentId"));
    return err == ERR_NONE ? attachments_count_bytes(r, change, doc_id(after, "projectId"),
                                                     -doc_int(after, "size"))
                           : err;
}

const struct resource attachments = {
    .shape = &attachment_shape,
    .store = STORE_ATTACHMENTS,
    .path = "/v1/attachments/",
    .change = ACTION_WRITE,
    .remove = ACTION_WRITE,
    .created = EVENT_ATTACHMENT_CREATED,
    .changed = EVENT_ATTACHMENT_UPDATED,
    .removed = EVENT_ATTACHMENT_DELETED,
    .restored = EVENT__COUNT,
    .count = task_counts_attachment,
    .forget = forget_attachment,
    .after = release_content,
    .check = check_attachment,
};

static void
write_attachment(struct request *r, struct text *out, const bson_t *doc)
{
    (void)r;
    doc_write(out, &attachment_shape, doc);
}

static const struct order attachment_orders[] = {{"createdAt", {"createdAt"}}, {NULL}};
const struct list attachment_list = {.store = STORE_ATTACHMENTS, .orders = attachment_orders};

enum err
attachments_list(struct request *r)
{
    return task_path_list(r, write_attachment);
}

enum err
attachments_find(struct request *r, const bson_t **out)
{
    bson_oid_t id;
    enum err err = request_id_arg(r, 0, &id);

    if (err == ERR_NONE)
        err = read_access_get(r, STORE_ATTACHMENTS, &id, out);
    return err == ERR_NONE ? task_path_living(r, *out) : err;
}

enum err
attachments_read(struct request *r)
{
    const bson_t *doc;
    enum err err;

    if ((err = request_params_done(r)) != ERR_NONE || (err = attachments_find(r, &doc)) != ERR_NONE)
        return err;
    return entity_reply(r, 200, &attachments, doc);
}

struct sum {
    int64_t bytes;
    int count; /* those that were removed too */
};

static enum err
add_size(void *arg, const bson_t *doc)
{
    struct sum *sum = arg;

    sum->count++;
    if (!doc_has(doc, "deletedAt"))
        sum->bytes += doc_int(doc, "size");
    return ERR_NONE;
}

enum err
attachments_move(struct request *r, struct change *change, const bson_t *tasks_moved,
                 const bson_oid_t *from, const bson_oid_t *to)
{
    bson_t *which = request_keep(r, bson_new());
    bson_t *set = request_keep(
        r, BCON_NEW("projectId", BCON_OID(to), "movedAt", BCON_DATE_TIME(change_now(change))));
    struct store *store = change_store(change);
    struct sum sum = {0};
    enum err err;

    doc_in(which, "taskId", tasks_moved);
    err = store_find(store, &(struct store_query){STORE_ATTACHMENTS, which, NULL}, add_size, &sum);
    if (err != ERR_NONE || sum.count == 0)
        return err;
    err = store_update_many(store, STORE_ATTACHMENTS, which,
                            entity_update(r, change_now(change), set), NULL);
    if (err == ERR_NONE)
        err = attachments_count_bytes(r, change, from, -sum.bytes);
    return err == ERR_NONE ? attachments_count_bytes(r, change, to, sum.bytes) : err;
}

/* The living attachments of a task. */
struct found {
    struct request *r;
    const bson_t **docs;
    uint32_t count, room;
};

static enum err
note_attachment(void *arg, const bson_t *doc)
{
    struct found *f = arg;

    f->docs = vec_room(f->docs, f->count, &f->room, sizeof(*f->docs));
    f->docs[f->count++] = request_keep(f->r, bson_copy(doc));
    return ERR_NONE;
}

/* The task that gets the copies, and their creator; NULL: as it was. */
struct copies {
    struct entity_change e;
    const bson_t *task;
    const bson_oid_t *creator;
    int64_t bytes; /* of all so far */
};

static enum err
copy_one(struct copies *c, const bson_t *attachment)
{
    struct request *r = c->e.r;
    const bson_oid_t *creator = c->creator == NULL ? doc_id(attachment, "createdBy") : c->creator;
    bson_t *set = request_keep(r, BCON_NEW("taskId", BCON_OID(doc_id(c->task, "_id")), "projectId",
                                           BCON_OID(doc_id(c->task, "projectId")), "createdBy",
                                           BCON_OID(creator), "movedAt", BCON_NULL));
    bson_t *own = request_keep(r, doc_merge(entity_new(r, change_now(c->e.change)), set));
    enum err err = store_files_share(change_store(c->e.change), doc_id(attachment, "contentId"));

    c->bytes += doc_int(attachment, "size");
    return err == ERR_NONE ? entity_insert(&c->e, request_keep(r, doc_merge(attachment, own)))
                           : err;
}

enum err
attachments_copy(struct request *r, struct change *change, const bson_t *task, const bson_t *copy,
                 const bson_oid_t *creator)
{
    const bson_oid_t *project = doc_id(copy, "projectId");
    int topic = change_topic(change, request_project_topic(r, project));
    struct copies c = {{r, change, &attachments, topic}, copy, creator, 0};
    bson_t *which =
        request_keep(r, BCON_NEW("taskId", BCON_OID(doc_id(task, "_id")), "deletedAt", BCON_NULL));
    struct found f = {.r = r};
    enum err err =
        store_find(change_store(change), &(struct store_query){STORE_ATTACHMENTS, which, NULL},
                   note_attachment, &f);

    for (uint32_t i = 0; err == ERR_NONE && i < f.count; i++)
        err = copy_one(&c, f.docs[i]);
    if (err == ERR_NONE && c.bytes > 0)
        err = attachments_count_bytes(r, change, project, c.bytes);
    free(f.docs);
    return err;
}
