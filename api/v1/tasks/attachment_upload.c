/*
 * POST /v1/tasks/{id}/attachments: the body is the file.  It is stored in pieces while it arrives,
 * outside the change; the change then refers to it.  What is not referred to is removed by
 * taskwire-jobs, see common/store/store_files.h.
 */
#include "api/v1/handlers.h"

#include <string.h>

#include "api/crud/entity.h"
#include "api/http/file_name.h"
#include "api/http/idempotency.h"
#include "api/http/media_type.h"
#include "api/http/quotas.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/tasks/attachments.h"
#include "api/v1/tasks/task_path.h"
#include "common/store/store_files.h"

const struct filter attachment_params[] = {
    {"name", NULL, TEXT, CUSTOM, NULL, "the file's name; required"},
    {NULL},
};

struct upload {
    struct request *r;
    const char *name;
    char type[MEDIA_TYPE_MAX + 1];
    struct store_file file;
    bool kept;      /* the attachment refers to this content, not to an equal one */
    char *piece;    /* STORE_FILES_PIECE bytes */
    bool hash_only; /* the bytes are not stored: the request was answered before */
    struct text_digest *digest;
};

static enum err
read_name(struct upload *u)
{
    const char *fault;

    if ((u->name = request_param(u->r, "name")) == NULL)
        return request_bad_param(u->r, "name", "is missing");
    fault = file_name_fault(u->name);
    return fault == NULL ? request_params_done(u->r) : request_bad_param(u->r, "name", fault);
}

static enum err
take_piece(struct upload *u, size_t len)
{
    if (u->type[0] == '\0')
        media_type_of(u->piece, len, u->r->content_type, u->type);
    text_digest_add(u->digest, u->piece, len);
    if (!u->hash_only && len > 0)
        return store_files_add(u->r->store, &u->file, u->piece, len);
    u->file.length += (int64_t)len;
    return ERR_NONE;
}

/* Receives the whole body; its hash and type are known then. */
static enum err
receive_file(struct upload *u)
{
    struct request *r = u->r;
    size_t len;
    enum err err;

    u->piece = arena_alloc(r->arena, STORE_FILES_PIECE);
    u->digest = text_digest_new();
    arena_defer(r->arena, text_digest_free, u->digest);
    do {
        len = r->receive(r, u->piece, STORE_FILES_PIECE);
        if (u->file.length + (int64_t)len > r->upload_length)
            return request_fail(r, ERR_MALFORMED, "the body is longer than its Content-Length");
        if ((err = take_piece(u, len)) != ERR_NONE)
            return err;
    } while (len == STORE_FILES_PIECE);
    if (u->file.length != r->upload_length)
        return request_fail(r, ERR_MALFORMED, "the body is shorter than its Content-Length");
    text_digest_end(u->digest, u->file.sha256);
    r->fingerprint = arena_printf(r->arena, "%s\n%s\n%s", u->name, u->type, u->file.sha256);
    r->body_len = strlen(r->fingerprint); /* about what the change writes of it */
    if (r->key != NULL)
        idempotency_digest(r);
    return ERR_NONE;
}

/*
 * If the key has a record, the reply is what it says, whatever has changed since: *done.  Otherwise
 * there is nothing to repeat.
 */
static enum err
replay(struct upload *u, bool *done)
{
    enum err err = ERR_NONE;

    *done = false;
    if (u->r->key == NULL || (err = idempotency_exists(u->r, done)) != ERR_NONE || !*done)
        return err;
    u->hash_only = true;
    err = receive_file(u);
    return err == ERR_NONE ? idempotency_replay(u->r, done) : err;
}

/* Everything that can be checked before the first byte is stored. */
static enum err
check(struct upload *u)
{
    struct request *r = u->r;
    const bson_t *task, *project;
    enum err err = task_path_find(r, ACTION_WRITE, &task, &project);

    if (err == ERR_NONE && r->upload_length > quotas_limit(QUOTA_ATTACHMENT_BYTES))
        err = quotas_refuse(r, QUOTA_ATTACHMENT_BYTES);
    if (err == ERR_NONE)
        err = attachments_room(r, project, r->upload_length);
    return err == ERR_NONE ? quotas_bytes(r, r->upload_length) : err;
}

static enum err
create_attachment(struct request *r, struct change *change, void *arg, const bson_t *task,
                  const bson_t *project)
{
    struct upload *u = arg;
    const struct entity_change e = {r, change, &attachments, 0};
    bson_t *others =
        request_keep(r, BCON_NEW("taskId", BCON_OID(doc_id(task, "_id")), "deletedAt", BCON_NULL));
    bson_t *doc = entity_new(r, change_now(change));
    bson_oid_t content;
    enum err err;

    if ((err = quotas_exist(r, change_store(change), QUOTA_TASK_ATTACHMENTS, STORE_ATTACHMENTS,
                            others)) != ERR_NONE ||
        (err = attachments_count_bytes(r, change, doc_id(project, "_id"), u->file.length)) !=
            ERR_NONE ||
        (err = store_files_keep(change_store(change), &u->file, &content)) != ERR_NONE)
        return err;
    u->kept = bson_oid_equal(&content, &u->file.id);
    BSON_APPEND_OID(doc, "taskId", doc_id(task, "_id"));
    BSON_APPEND_OID(doc, "projectId", doc_id(project, "_id"));
    BSON_APPEND_UTF8(doc, "name", u->name);
    BSON_APPEND_INT64(doc, "size", u->file.length);
    BSON_APPEND_UTF8(doc, "type", u->type);
    BSON_APPEND_UTF8(doc, "sha256", u->file.sha256);
    BSON_APPEND_OID(doc, "contentId", &content);
    BSON_APPEND_NULL(doc, "deletedAt");
    return entity_create(&e, project, doc);
}

enum err
attachments_create(struct request *r)
{
    struct upload u = {.r = r};
    const struct task_path_change what = {
        .action = ACTION_WRITE, .fn = create_attachment, .arg = &u};
    bool done;
    enum err err;

    if ((err = read_name(&u)) != ERR_NONE || (err = replay(&u, &done)) != ERR_NONE || done ||
        (err = check(&u)) != ERR_NONE || (err = store_files_begin(r->store, &u.file)) != ERR_NONE)
        return err;
    if ((err = receive_file(&u)) == ERR_NONE)
        err = task_path_run(r, &what);
    if (err != ERR_NONE || !u.kept)
        store_files_drop(r->store, &u.file);
    return err;
}
