/*
 * /v1/tasks/{id}/comments and /v1/comments/{id}: comments on a task.
 */
#include "api/v1/tasks/comments.h"

#include <stdio.h>
#include <string.h>

#include "api/access/project_access.h"
#include "api/access/read_access.h"
#include "api/crud/entity.h"
#include "api/http/doc_read.h"
#include "api/http/quotas.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "api/v1/notifications.h"
#include "api/v1/tasks/task_counts.h"
#include "api/v1/tasks/task_path.h"
#include "api/v1/tasks/task_watchers.h"
#include "common/store/derived.h"

#define EDITS_MAX 20 /* earlier texts that are kept */
/*
 * UTF-8 bytes that they may have together, so that a page of comments stays small: the earliest go
 * first, but the last text is always kept.
 */
#define EDITS_BYTES 65536

/* clang-format off */
static const struct field edit_fields[] = {
    {"at",   INSTANT, 0, .about = "when it was written"},
    {"text", TEXT,    0},
    {NULL},
};
const struct field comment_fields[] = {
    /* name        kind     a client               limits */
    ENTITY_FIELDS,
    {"taskId",     REF,     0},
    {"projectId",  REF,     0},
    {"text",       TEXT,    MUST_SET | MAY_EDIT,   1, 20000},
    {"mentions",   REFS,    MAY_EDIT,              0, 50, .fallback = "[]", .about = "members to notify"},
    {"editedAt",   INSTANT, NULLABLE},
    {"edits",      OBJECTS, UNLOGGED,              0, EDITS_MAX, .items = edit_fields, .fallback = "[]",
     .about = "earlier texts, the latest last; of more than 20, or of more than 64 KiB together, the latest"},
    {"deletedAt",  INSTANT, NULLABLE},
    {"terms",      SLUGS,   HIDDEN}, /* search.c */
    {"movedAt",    INSTANT, HIDDEN}, /* when it came to this project with its task: for /v1/sync */
    {NULL},
};
/* clang-format on */

const struct shape comment_shape = {"Comment", comment_fields};

/* One earlier text. */
struct edit {
    int64_t at;
    const char *text;
};

/* Reads the earlier texts of a comment, and the one that it has; returns how many. */
static int
read_edits(const bson_t *comment, struct edit *edits)
{
    bson_iter_t iter, list, at, text;
    int count = 0;

    if (bson_iter_init_find(&iter, comment, "edits") && bson_iter_recurse(&iter, &list))
        while (count < EDITS_MAX && bson_iter_next(&list))
            if (bson_iter_recurse(&list, &at) && bson_iter_find(&at, "at") &&
                bson_iter_recurse(&list, &text) && bson_iter_find(&text, "text"))
                edits[count++] =
                    (struct edit){bson_iter_date_time(&at), bson_iter_utf8(&text, NULL)};
    doc_time(comment, doc_has(comment, "editedAt") ? "editedAt" : "createdAt", &edits[count].at);
    edits[count++].text = doc_text(comment, "text");
    return count;
}

/* Appends when the text was changed, and the texts before, as many as are kept. */
static void
append_edits(const struct entity_rules *u)
{
    struct edit edits[EDITS_MAX + 1];
    bson_t list = BSON_INITIALIZER, one;
    int count = read_edits(u->before, edits), first = count;
    size_t bytes = 0;
    char key[12];

    while (first > 0 && count - first < EDITS_MAX) {
        bytes += strlen(edits[first - 1].text);
        if (bytes > EDITS_BYTES && first < count)
            break;
        first--;
    }
    for (int i = first; i < count; i++) {
        snprintf(key, sizeof(key), "%d", i - first);
        BSON_APPEND_DOCUMENT_BEGIN(&list, key, &one);
        BSON_APPEND_DATE_TIME(&one, "at", edits[i].at);
        BSON_APPEND_UTF8(&one, "text", edits[i].text);
        bson_append_document_end(&list, &one);
    }
    BSON_APPEND_DATE_TIME(u->extra, "editedAt", change_now(u->change));
    BSON_APPEND_ARRAY(u->extra, "edits", &list);
    bson_destroy(&list);
}

static enum err
check_comment(const struct entity_rules *u)
{
    struct request *r = u->r;
    bson_iter_t iter, list;
    enum err err;

    if (u->before != NULL && (err = task_path_living(r, u->before)) != ERR_NONE)
        return err;
    if (bson_iter_init_find(&iter, u->after, "mentions") && bson_iter_recurse(&iter, &list))
        while (bson_iter_next(&list))
            if (!doc_list_has(u->before, "mentions", &list) && /* members who left stay mentioned */
                access_member(u->project, bson_iter_oid(&list)) == ROLE_NONE)
                request_complain(r, arena_printf(r->arena, "/mentions/%s", bson_iter_key(&list)),
                                 "not-member", "must be a member of the project");
    if (u->before == NULL || doc_differs(u->before, u->after, "text"))
        derived_terms(doc_text(u->after, "text"), NULL, u->extra);
    if (u->before == NULL)
        return ERR_NONE;
    if ((err = quotas_check(r, QUOTA_COMMENT_EDITS, doc_int(u->before, "rev"))) != ERR_NONE)
        return err;
    if (strcmp(doc_text(u->before, "text"), doc_text(u->after, "text")) != 0)
        append_edits(u);
    return ERR_NONE;
}

/* Only the author may edit it; the author or an admin may remove it. */
static enum err
may_touch(struct request *r, const bson_t *project, const bson_t *doc, bool remove)
{
    if (bson_oid_equal(doc_id(doc, "createdBy"), &r->user_id))
        return ERR_NONE;
    return remove ? project_access_check(r, project, ACTION_MANAGE) : ERR_FORBIDDEN;
}

static void
forget_comment(bson_t *set)
{
    bson_t none = BSON_INITIALIZER;

    BSON_APPEND_UTF8(set, "text", "");
    BSON_APPEND_ARRAY(set, "mentions", &none);
    BSON_APPEND_ARRAY(set, "edits", &none);
    BSON_APPEND_ARRAY(set, "terms", &none);
    bson_destroy(&none);
}

/* Those who are mentioned are notified of that, the other watchers of the comment. */
static enum err
notify(struct request *r, struct change *change, const bson_t *before, const bson_t *after)
{
    const struct notification n = {"mentioned", "mentions", doc_id(after, "taskId")};
    bson_t *content;
    enum err err = notifications_add(r, change, &n, before, after);

    if (err != ERR_NONE || before != NULL)
        return err;
    content = request_keep(r, BCON_NEW("commentId", BCON_OID(doc_id(after, "_id"))));
    return task_watchers_queue(r, change, JOB_COMMENTED, doc_id(after, "projectId"), content);
}

const struct resource comments = {
    .shape = &comment_shape,
    .store = STORE_COMMENTS,
    .path = "/v1/comments/",
    .change = ACTION_COMMENT,
    .remove = ACTION_COMMENT,
    .created = EVENT_COMMENT_CREATED,
    .changed = EVENT_COMMENT_UPDATED,
    .removed = EVENT_COMMENT_DELETED,
    .restored = EVENT__COUNT,
    .count = task_counts_comment,
    .may = may_touch,
    .forget = forget_comment,
    .after = notify,
    .check = check_comment,
};

static void
write_comment(struct request *r, struct text *out, const bson_t *doc)
{
    (void)r;
    doc_write(out, &comment_shape, doc);
}

static const struct order comment_orders[] = {{"createdAt", {"createdAt"}}, {NULL}};
const struct list comment_list = {.store = STORE_COMMENTS, .orders = comment_orders};

enum err
comments_list(struct request *r)
{
    return task_path_list(r, write_comment);
}

enum err
comments_read(struct request *r)
{
    const bson_t *comment, *task;
    bson_oid_t id;
    enum err err;

    if ((err = request_id_arg(r, 0, &id)) != ERR_NONE || (err = request_params_done(r)) != ERR_NONE)
        return err;
    if ((err = read_access_get(r, STORE_COMMENTS, &id, &comment)) != ERR_NONE ||
        (err = read_access_get(r, STORE_TASKS, doc_id(comment, "taskId"), &task)) != ERR_NONE)
        return err;
    return entity_reply(r, 200, &comments, comment);
}

/* Mentions of people who are not members of the new project are dropped. */
enum err
comments_move(struct request *r, struct change *change, const bson_t *tasks_moved,
              const bson_t *project)
{
    bson_t *filter = request_keep(r, bson_new());
    bson_t *set = request_keep(r, BCON_NEW("projectId", BCON_OID(doc_id(project, "_id")), "movedAt",
                                           BCON_DATE_TIME(change_now(change))));
    bson_t *update = entity_update(r, change_now(change), set);
    bson_t *members = request_keep(r, access_member_ids(project));
    bson_t *outsiders =
        request_keep(r, BCON_NEW("mentions", "{", "$nin", BCON_ARRAY(members), "}"));

    doc_in(filter, "taskId", tasks_moved);
    BSON_APPEND_DOCUMENT(update, "$pull", outsiders);
    return store_update_many(change_store(change), STORE_COMMENTS, filter, update, NULL);
}

static enum err
create_comment(struct request *r, struct change *change, void *arg, const bson_t *task,
               const bson_t *project)
{
    const struct entity_change e = {r, change, &comments, 0};
    bson_t *doc = entity_new(r, change_now(change));

    BSON_APPEND_OID(doc, "taskId", doc_id(task, "_id"));
    BSON_APPEND_OID(doc, "projectId", doc_id(task, "projectId"));
    bson_concat(doc, arg);
    BSON_APPEND_NULL(doc, "editedAt");
    BSON_APPEND_NULL(doc, "deletedAt");
    return entity_create(&e, project, doc);
}

enum err
comments_create(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    const struct task_path_change what = {
        .action = ACTION_COMMENT, .batched = true, .fn = create_comment, .arg = body};
    enum err err = doc_read(r, DOC_CREATE, comment_fields, r->json, body);

    return err == ERR_NONE ? task_path_run(r, &what) : err;
}
