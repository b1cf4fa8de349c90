/*
 * Copies get keys of their own as positions: below those of all tasks that are created in the new
 * project later, even while it is still being filled.
 */
#include "api/v1/projects/project_copy.h"

#include <stdlib.h>
#include <string.h>

#include "api/http/quotas.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/schema/order_key.h"
#include "api/v1/tasks/project_statuses.h"
#include "api/v1/tasks/task_copy.h"
#include "api/v1/tasks/tasks.h"
#include "common/base/id.h"
#include "common/base/must.h"
#include "common/base/vec.h"
#include "common/change/change.h"
#include "common/store/store_gather.h"
#include "common/text/text.h"

#define BATCH      1000           /* documents per batch; the server's default is 16 MiB */
#define PART_BYTES (2u << 20)     /* of the tasks of a part; its memory is several times as much */
#define PART_FILES 200            /* of a part: each takes some commands */
#define ENTRY      (ID_BYTES + 4) /* bytes of a task in a job's content: its id and its place */

/* ------------------------------------------------------------ which tasks */

struct finding {
    struct project_copy *copy;
    struct sorted {
        struct project_copy_task task;
        int64_t number;
        bool child;
    } * tasks;
    uint32_t room;
    int64_t files; /* how many there are */
};

static enum err
note_task(void *arg, const bson_t *task)
{
    struct finding *f = arg;
    uint32_t n = f->copy->count;

    if (n == PROJECT_COPY_TASKS)
        return ERR_TOO_MUCH;
    f->tasks = vec_room(f->tasks, n, &f->room, sizeof(*f->tasks));
    f->tasks[n] = (struct sorted){
        {*doc_id(task, "_id"), n}, doc_int(task, "number"), doc_has(task, "parentId")};
    f->copy->count++;
    f->copy->bytes += task->len;
    f->files += doc_int(task, "attachments");
    return ERR_NONE;
}

static int
compare_tasks(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;

    if (x->child != y->child)
        return x->child ? 1 : -1;
    return (x->number > y->number) - (x->number < y->number);
}

static void
sort_ids(struct project_copy *copy, struct arena *arena)
{
    copy->ids = arena_alloc(arena, (copy->count + 1) * sizeof(*copy->ids));
    for (uint32_t i = 0; i < copy->count; i++)
        copy->ids[i] = copy->tasks[i].id;
    (void)doc_ids_sort(copy->ids, copy->count);
}

static enum err
add_file(void *arg, const bson_t *attachment)
{
    struct project_copy *copy = arg;

    if (doc_ids_contain(copy->ids, copy->count, doc_id(attachment, "taskId")))
        copy->file_bytes += doc_int(attachment, "size");
    return ERR_NONE;
}

/* Parents before their subtasks, in the order of their numbers. */
static void
take_tasks(struct request *r, struct finding *f)
{
    struct project_copy *copy = f->copy;

    if (copy->count > 0)
        qsort(f->tasks, copy->count, sizeof(*f->tasks), compare_tasks);
    copy->tasks = arena_alloc(r->arena, (copy->count + 1) * sizeof(*copy->tasks));
    for (uint32_t i = 0; i < copy->count; i++)
        copy->tasks[i] = f->tasks[i].task;
    sort_ids(copy, r->arena);
}

enum err
project_copy_find(struct request *r, const bson_oid_t *source, struct project_copy *out)
{
    bson_t *which =
        request_keep(r, BCON_NEW("projectId", BCON_OID(source), "deletedAt", BCON_NULL));
    bson_t *opts = request_keep(r, BCON_NEW("sort", "{", "position", BCON_INT32(1), "_id",
                                            BCON_INT32(1), "}", "batchSize", BCON_INT32(BATCH)));
    struct finding f = {.copy = out};
    enum err err;

    *out = (struct project_copy){.source = *source};
    err = store_find(r->store, &(struct store_query){STORE_TASKS, which, opts}, note_task, &f);
    if (err == ERR_NONE)
        take_tasks(r, &f);
    if (err == ERR_TOO_MUCH && out->count == PROJECT_COPY_TASKS)
        request_fail(r, err,
                     "a project with more than %d tasks can only be duplicated without them",
                     PROJECT_COPY_TASKS);
    free(f.tasks);
    if (err != ERR_NONE || f.files == 0)
        return err;
    return store_find(r->store, &(struct store_query){STORE_ATTACHMENTS, which, NULL}, add_file,
                      out);
}

/* ------------------------------------------------------------ in the content of a job */

void
project_copy_write(const struct project_copy *copy, bson_t *content)
{
    uint8_t *bytes = must_alloc(copy->count + 1, ENTRY);

    for (uint32_t i = 0; i < copy->count; i++) {
        uint8_t *entry = bytes + (size_t)i * ENTRY;

        memcpy(entry, copy->tasks[i].id.bytes, ID_BYTES);
        for (int k = 0; k < 4; k++)
            entry[ID_BYTES + k] = (uint8_t)(copy->tasks[i].place >> 8 * k);
    }
    BSON_APPEND_OID(content, "sourceId", &copy->source);
    BSON_APPEND_OID(content, "projectId", &copy->target);
    BSON_APPEND_BINARY(content, "tasks", BSON_SUBTYPE_BINARY, bytes, copy->count * ENTRY);
    free(bytes);
}

enum err
project_copy_read(struct arena *arena, const bson_t *content, struct project_copy *out)
{
    bson_iter_t iter;
    const uint8_t *bytes;
    uint32_t len;

    if (!doc_has(content, "sourceId") || !doc_has(content, "projectId") ||
        !bson_iter_init_find(&iter, content, "tasks") || !BSON_ITER_HOLDS_BINARY(&iter))
        return ERR_INVALID;
    bson_iter_binary(&iter, NULL, &len, &bytes);
    *out = (struct project_copy){*doc_id(content, "sourceId"), *doc_id(content, "projectId")};
    out->count = len / ENTRY;
    out->tasks = arena_alloc(arena, (out->count + 1) * sizeof(*out->tasks));
    for (uint32_t i = 0; i < out->count; i++, bytes += ENTRY) {
        bson_oid_init_from_data(&out->tasks[i].id, bytes);
        for (int k = 0; k < 4; k++)
            out->tasks[i].place |= (uint32_t)bytes[ID_BYTES + k] << 8 * k;
    }
    sort_ids(out, arena);
    return ERR_NONE;
}

/* ------------------------------------------------------------ reading a part */

struct loading {
    struct request *r;
    struct project_copy_part *part;
    size_t bytes;
    int64_t files;
};

/* ERR_TOO_LARGE once there is more than fits into a part. */
static enum err
note_doc(void *arg, const bson_t *task)
{
    struct loading *l = arg;
    struct project_copy_part *part = l->part;

    l->bytes += task->len;
    l->files += doc_int(task, "attachments");
    if (part->found > 0 && (l->bytes > PART_BYTES || l->files > PART_FILES))
        return ERR_TOO_LARGE;
    part->docs[part->found++] = request_keep(l->r, bson_copy(task));
    return ERR_NONE;
}

static enum err
load(struct request *r, const struct project_copy *copy, struct project_copy_part *part)
{
    struct loading l = {.r = r, .part = part};
    bson_oid_t ids[PROJECT_COPY_PART * 2];
    bson_t *which = request_keep(r, bson_new());

    for (uint32_t i = 0; i < part->read; i++)
        ids[i] = copy->tasks[part->first + i].id;
    doc_in_ids(which, "_id", ids, part->read);
    part->found = 0;
    return store_find(r->store, &(struct store_query){STORE_TASKS, which, NULL}, note_doc, &l);
}

enum err
project_copy_load(struct request *r, const struct project_copy *copy,
                  struct project_copy_part *part)
{
    uint32_t left = copy->count - part->first;
    enum err err;

    part->read = part->most < left ? part->most : left;
    part->docs = arena_alloc(r->arena, (part->read + 1) * sizeof(*part->docs));
    err = part->read == 0 ? ERR_NONE : load(r, copy, part);
    while (err == ERR_TOO_LARGE && !part->whole && part->read > 1) {
        part->read /= 2;
        err = load(r, copy, part);
    }
    return err;
}

/* ------------------------------------------------------------ copying it */

struct copying {
    struct request *r;
    const struct project_copy *copy;
    struct task_copy task; /* the project, its topic */
};

/* The id of a task's copy. */
static bson_oid_t
copy_id(const struct project_copy *copy, const bson_oid_t *task)
{
    char bytes[2 * ID_BYTES], hash[65], hex[ID_TEXT];
    bson_oid_t id;

    memcpy(bytes, copy->target.bytes, ID_BYTES);
    memcpy(bytes + ID_BYTES, task->bytes, ID_BYTES);
    text_sha256(hash, bytes, sizeof(bytes));
    bson_snprintf(hex, sizeof(hex), "%s", hash);
    bson_oid_init_from_string(&id, hex);
    return id;
}

static bool
is_copied(const struct copying *c, const bson_oid_t *task)
{
    return task != NULL && doc_ids_contain(c->copy->ids, c->copy->count, task);
}

/* Reads the copies of the loaded tasks' parents at once, for append_parent(). */
static enum err
read_parents(const struct copying *c, const struct project_copy_part *part)
{
    bson_oid_t *ids = arena_alloc(c->r->arena, (part->found + 1) * sizeof(*ids));
    uint32_t count = 0;

    for (uint32_t i = 0; i < part->found; i++)
        if (is_copied(c, doc_id(part->docs[i], "parentId")))
            ids[count++] = copy_id(c->copy, doc_id(part->docs[i], "parentId"));
    count = doc_ids_sort(ids, count);
    return count == 0 ? ERR_NONE : store_gather_read(c->r->store, STORE_TASKS, ids, count);
}

/* The copy of its parent, if that is still a task which can have subtasks. */
static enum err
append_parent(const struct copying *c, const bson_t *task, bson_t *set)
{
    const bson_t *parent = NULL;
    bson_oid_t id;
    enum err err = ERR_NOT_FOUND;

    if (is_copied(c, doc_id(task, "parentId"))) {
        id = copy_id(c->copy, doc_id(task, "parentId"));
        err = request_fetch(c->r, STORE_TASKS, &id, &parent);
    }
    if (err == ERR_NONE && !doc_has(parent, "deletedAt") && !doc_has(parent, "parentId") &&
        bson_oid_equal(doc_id(parent, "projectId"), &c->copy->target))
        BSON_APPEND_OID(set, "parentId", &id);
    else
        BSON_APPEND_NULL(set, "parentId");
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

/* Those to tasks that are copied too. */
static void
append_relations(const struct copying *c, const bson_t *task, bson_t *set)
{
    bson_t list, one;
    bson_iter_t iter, items, kind, other;
    uint32_t n = 0;
    char key[12];

    BSON_APPEND_ARRAY_BEGIN(set, "relations", &list);
    if (bson_iter_init_find(&iter, task, "relations") && bson_iter_recurse(&iter, &items))
        while (bson_iter_next(&items)) {
            bson_oid_t id;

            if (!bson_iter_recurse(&items, &kind) || !bson_iter_find(&kind, "kind") ||
                !bson_iter_recurse(&items, &other) || !bson_iter_find(&other, "taskId") ||
                !is_copied(c, bson_iter_oid(&other)))
                continue;
            id = copy_id(c->copy, bson_iter_oid(&other));
            bson_snprintf(key, sizeof(key), "%u", n++);
            BSON_APPEND_DOCUMENT_BEGIN(&list, key, &one);
            BSON_APPEND_UTF8(&one, "kind", bson_iter_utf8(&kind, NULL));
            BSON_APPEND_OID(&one, "taskId", &id);
            bson_append_document_end(&list, &one);
        }
    bson_append_array_end(set, &list);
}

/* Those that the new project has: they may have been changed since it was made. */
static void
append_labels(const struct copying *c, const bson_t *task, bson_t *set)
{
    bson_t list;
    struct doc_array array = {&list, 0};
    bson_iter_t iter, items;

    BSON_APPEND_ARRAY_BEGIN(set, "labelIds", &list);
    if (bson_iter_init_find(&iter, task, "labelIds") && bson_iter_recurse(&iter, &items))
        while (bson_iter_next(&items))
            if (project_statuses_label(c->task.project, bson_iter_utf8(&items, NULL)))
                doc_array_add_value(&array, &items);
    bson_append_array_end(set, &list);
}

/* The task's status, or the first one if the new project no longer has it; and what follows. */
static void
append_status(const struct copying *c, const bson_t *task, bson_t *set)
{
    const char *status = doc_text(task, "status");
    char kind = project_statuses_kind(c->task.project, status);
    int64_t now = change_now(c->task.change), at = now;

    doc_time(task, "completedAt", &at);
    BSON_APPEND_UTF8(set, "status",
                     kind == '\0' ? project_statuses_first(c->task.project) : status);
    if (kind == 'd')
        BSON_APPEND_DATE_TIME(set, "completedAt", at);
    else
        BSON_APPEND_NULL(set, "completedAt");
    if (doc_time(task, "archivedAt", &at))
        BSON_APPEND_DATE_TIME(set, "archivedAt", at);
    else
        BSON_APPEND_NULL(set, "archivedAt");
}

/* All of them: the copy is due when the task is. */
static void
append_reminders(const bson_t *task, bson_t *set)
{
    bson_iter_t iter;

    if (bson_iter_init_find(&iter, task, "reminders"))
        bson_append_iter(set, NULL, 0, &iter);
}

/* What is copied counts as written to the project, as if the client had sent it. */
static enum err
count_bytes(const struct copying *c, const bson_t *copy)
{
    struct change *change = c->task.change;

    change_add_bytes(change, c->task.topic, (int64_t)copy->len);
    return quotas_check(c->r, QUOTA_PROJECT_WRITTEN, change_bytes(change, c->task.topic) - 1);
}

static enum err
copy_one(const struct copying *c, const bson_t *task, uint32_t place)
{
    bson_t *set = request_keep(c->r, bson_new());
    bson_oid_t id = copy_id(c->copy, doc_id(task, "_id"));
    struct text key = {0};
    const bson_t *copied;
    enum err err;

    BSON_APPEND_OID(set, "_id", &id);
    order_key_last(&key, 1); /* the number of project.created */
    order_key_last(&key, (int64_t)place + 1);
    BSON_APPEND_UTF8(set, "position", key.bytes);
    text_free(&key);
    append_status(c, task, set);
    append_labels(c, task, set);
    append_relations(c, task, set);
    append_reminders(task, set);
    BSON_APPEND_NULL(set, "previousId");
    if ((err = append_parent(c, task, set)) != ERR_NONE ||
        (err = task_copy_insert(&c->task, task, set, &copied)) != ERR_NONE)
        return err;
    return count_bytes(c, copied);
}

/* The loaded task with that id; NULL: it is gone, or has left the project. */
static const bson_t *
loaded(const struct copying *c, const struct project_copy_part *part, const bson_oid_t *id)
{
    for (uint32_t i = 0; i < part->found; i++)
        if (bson_oid_equal(doc_id(part->docs[i], "_id"), id))
            return bson_oid_equal(doc_id(part->docs[i], "projectId"), &c->copy->source)
                       ? part->docs[i]
                       : NULL;
    return NULL;
}

enum err
project_copy_store(struct request *r, struct change *change, const struct project_copy *copy,
                   struct project_copy_part *part)
{
    const struct copying c = {r, copy, {r, change, part->project, part->topic, false, &r->user_id}};
    enum err err = read_parents(&c, part);

    part->done = part->lost = 0;
    for (uint32_t i = part->first; err == ERR_NONE && i < part->first + part->read; i++) {
        const bson_t *task = loaded(&c, part, &copy->tasks[i].id);

        part->done++;
        part->lost += task == NULL;
        if (task != NULL)
            err = copy_one(&c, task, copy->tasks[i].place);
    }
    return err;
}
