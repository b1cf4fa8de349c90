/*
 * Adds to counters what the version after a change contributes, less what the one before did.
 */
#include "api/v1/tasks/task_counts.h"

#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/tasks/task_watchers.h"
#include "common/store/store_gather.h"
#include "common/text/text.h"

/* clang-format off */
const struct field task_progress_fields[] = {
    {"done",  INTEGER, 0},
    {"total", INTEGER, 0},
    {NULL},
};
/* clang-format on */

/* What counters are, or what is added to them. */
struct counts {
    int64_t done, total, comments, attachments;
};

static void
append(bson_t *out, const struct counts *c, int64_t counted)
{
    bson_t subtasks;

    BSON_APPEND_DOCUMENT_BEGIN(out, "subtasks", &subtasks);
    BSON_APPEND_INT64(&subtasks, "done", c->done);
    BSON_APPEND_INT64(&subtasks, "total", c->total);
    bson_append_document_end(out, &subtasks);
    BSON_APPEND_INT64(out, "comments", c->comments);
    BSON_APPEND_INT64(out, "attachments", c->attachments);
    BSON_APPEND_INT64(out, STORE_COUNTED, counted);
}

void
task_counts_start(bson_t *set)
{
    append(set, &(struct counts){0}, 0);
}

/* What a change adds to a task of the project. */
struct addition {
    const bson_oid_t *task, *project;
    struct counts more;
    const bson_t *comment; /* whose author and mentioned users are involved now; NULL: none */
};

static void
tell(const struct counting *c, const bson_oid_t *task, const struct counts *now)
{
    char hex[ID_TEXT], counters[160];

    bson_oid_to_string(task, hex);
    snprintf(counters, sizeof(counters),
             "{\"subtasks\":{\"done\":%lld,\"total\":%lld},\"comments\":%lld,\"attachments\":%lld}",
             (long long)now->done, (long long)now->total, (long long)now->comments,
             (long long)now->attachments);
    event_count(c->event, c->text, hex, counters);
}

/* A task that is gone has no counters. */
static enum err
add(const struct counting *c, const struct addition *a)
{
    const struct counts *more = &a->more;
    bson_t *set = request_keep(c->r, bson_new());
    bool counted =
        more->done != 0 || more->total != 0 || more->comments != 0 || more->attachments != 0;
    struct counts now;
    const bson_t *task;
    enum err err;

    if (!counted && a->comment == NULL)
        return ERR_NONE;
    err = request_fetch(c->r, STORE_TASKS, a->task, &task);
    if (err != ERR_NONE || !bson_oid_equal(doc_id(task, "projectId"), a->project))
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    if ((a->comment == NULL || !task_watchers_involve(task, a->comment, set)) && !counted)
        return ERR_NONE;
    now = (struct counts){doc_int_at(task, "subtasks.done") + more->done,
                          doc_int_at(task, "subtasks.total") + more->total,
                          doc_int(task, "comments") + more->comments,
                          doc_int(task, "attachments") + more->attachments};
    append(set, &now, doc_int(task, STORE_COUNTED) + 1);
    store_gather_replace(c->r->store, STORE_TASKS, doc_int(task, "rev"),
                         request_keep(c->r, doc_merge(task, set)));
    if (counted)
        tell(c, a->task, &now);
    return ERR_NONE;
}

/* The task that a version counts as a subtask of; NULL: none. */
static const bson_oid_t *
parent_of(const bson_t *task)
{
    return task == NULL || doc_has(task, "deletedAt") ? NULL : doc_id(task, "parentId");
}

enum err
task_counts_task(const struct counting *c, const bson_t *before, const bson_t *after)
{
    const bson_oid_t *from = parent_of(before), *to = parent_of(after);
    const bson_oid_t *project = doc_id(after == NULL ? before : after, "projectId");
    struct counts less = {0}, more = {0};
    enum err err = ERR_NONE;

    if (from != NULL)
        less = (struct counts){.done = -doc_has(before, "completedAt"), .total = -1};
    if (to != NULL)
        more = (struct counts){.done = doc_has(after, "completedAt"), .total = 1};
    if (from != NULL && to != NULL && bson_oid_equal(from, to)) {
        more.done += less.done;
        more.total += less.total;
        from = NULL;
    }
    if (from != NULL)
        err = add(c, &(struct addition){from, project, less, NULL});
    return err == ERR_NONE && to != NULL ? add(c, &(struct addition){to, project, more, NULL})
                                         : err;
}

static int
is_there(const bson_t *doc)
{
    return doc != NULL && !doc_has(doc, "deletedAt");
}

enum err
task_counts_comment(const struct counting *c, const bson_t *before, const bson_t *after)
{
    struct addition a = {doc_id(after, "taskId"),
                         doc_id(after, "projectId"),
                         {.comments = is_there(after) - is_there(before)},
                         NULL};

    if (is_there(after) && (before == NULL || doc_differs(before, after, "mentions")))
        a.comment = after;
    return add(c, &a);
}

enum err
task_counts_attachment(const struct counting *c, const bson_t *before, const bson_t *after)
{
    return add(c, &(struct addition){doc_id(after, "taskId"),
                                     doc_id(after, "projectId"),
                                     {.attachments = is_there(after) - is_there(before)},
                                     NULL});
}
