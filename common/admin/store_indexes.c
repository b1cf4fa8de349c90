/*
 * The table of indexes, and the code that creates them.
 */
#include "common/admin/store_indexes.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/vec.h"
#include "common/log.h"
#include "common/store/store.h"
#include "common/text/text.h"

#define KEYS_MAX 6

#define NAMESPACE_NOT_FOUND 26 /* the server's error codes */
#define INDEX_NOT_FOUND     27

/*
 * SPARSE: only documents that have the field, which is never stored as null.  IDS: only documents
 * whose first key is an id (or an array that contains one); the filter is $gte, because then the
 * planner uses the index for equality.  DATES: only documents whose last key is an instant since
 * 1970.  OTHER: only an option of existing indexes.
 */
enum { UNIQUE = 1, TTL = 2, SPARSE = 4, OTHER = 8, IDS = 16, DATES = 32 };

struct index {
    enum store_name name;
    const char *keys[KEYS_MAX]; /* a leading '-' means descending */
    int flags;
};

/* clang-format off */
static const struct index indexes[] = {
    {STORE_TOPICS,      {"touchedAt"}},
    {STORE_USERS,       {"email"},                                     UNIQUE},
    {STORE_USERS,       {"phone"},                                     UNIQUE},
    {STORE_USERS,       {"totpEnabledAt"},                             SPARSE},
    {STORE_SESSIONS,    {"userId", "createdAt", "_id"}},
    {STORE_SESSIONS,    {"expiresAt"},                                 TTL},
    {STORE_TOKENS,      {"expiresAt"},                                 TTL},
    /* By reader, and one per order of projects (api/v1/projects/projects.c, project_orders). */
    {STORE_PROJECTS,    {"members.userId", "createdAt", "_id"}},
    {STORE_PROJECTS,    {"members.userId", "nameKey", "_id"}},
    {STORE_PROJECTS,    {"access", "createdAt", "_id"}},
    {STORE_PROJECTS,    {"access", "nameKey", "_id"}},
    /* Neighbours of a position, in any state; a project's tasks in no order. */
    {STORE_TASKS,       {"projectId", "position", "_id"}},
    /* One per order of tasks (api/v1/tasks/tasks.c, task_orders), by project and by assignee. */
    {STORE_TASKS,       {"projectId", "state", "position", "_id"}},
    {STORE_TASKS,       {"projectId", "state", "createdAt", "_id"}},
    {STORE_TASKS,       {"projectId", "state", "updatedAt", "_id"}},
    {STORE_TASKS,       {"projectId", "state", "dueKey", "priority", "_id"}},
    {STORE_TASKS,       {"projectId", "state", "dueKey", "-priority", "-_id"}},
    {STORE_TASKS,       {"projectId", "state", "priority", "_id"}},
    {STORE_TASKS,       {"assigneeIds", "state", "position", "_id"},               IDS},
    {STORE_TASKS,       {"assigneeIds", "state", "createdAt", "_id"},              IDS},
    {STORE_TASKS,       {"assigneeIds", "state", "updatedAt", "_id"},              IDS},
    {STORE_TASKS,       {"assigneeIds", "state", "dueKey", "priority", "_id"},     IDS},
    {STORE_TASKS,       {"assigneeIds", "state", "dueKey", "-priority", "-_id"},   IDS},
    {STORE_TASKS,       {"assigneeIds", "state", "priority", "_id"},               IDS},
    {STORE_TASKS,       {"projectId", "terms"}},
    {STORE_TASKS,       {"parentId"},                                  IDS},
    /* Reminders that are due, and those of a user whose time zone has changed. */
    {STORE_TASKS,       {"remindAt"},                                  DATES},
    {STORE_TASKS,       {"assigneeIds", "remindAt"},                   DATES},
    {STORE_TASKS,       {"createdBy", "remindAt"},                     DATES},
    {STORE_COMMENTS,    {"taskId", "createdAt", "_id"}},
    {STORE_COMMENTS,    {"createdBy"}},
    {STORE_COMMENTS,    {"projectId"}},
    {STORE_COMMENTS,    {"projectId", "terms"}},
    {STORE_NOTIFICATIONS, {"userId", "createdAt", "_id"}},
    {STORE_NOTIFICATIONS, {"taskId"},                                  IDS},
    {STORE_INVITATIONS, {"projectId", "email"},                        UNIQUE},
    {STORE_INVITATIONS, {"projectId", "createdAt", "_id"}},
    {STORE_INVITATIONS, {"tokenHash"},                                 UNIQUE},
    {STORE_INVITATIONS, {"email", "createdAt"}},
    {STORE_INVITATIONS, {"createdBy"}},
    {STORE_INVITATIONS, {"expiresAt"},                                 TTL},
    {STORE_FILTERS,     {"userId", "createdAt", "_id"}},
    {STORE_LINKS,       {"projectId", "createdAt", "_id"}},
    {STORE_LINKS,       {"tokenHash"},                                 UNIQUE},
    {STORE_SUBSCRIPTIONS, {"taskId", "userId"},                        UNIQUE},
    {STORE_SUBSCRIPTIONS, {"userId", "createdAt", "_id"}},
    {STORE_SUBSCRIPTIONS, {"projectId", "userId"}},
    {STORE_USER_JOBS,   {"userId", "createdAt", "_id"}},
    {STORE_USER_JOBS,   {"expiresAt"},                                 TTL},
    {STORE_EVENTS,      {"topic", "seq"},                              UNIQUE},
    {STORE_EVENTS,      {"entityId", "topic", "seq"}},
    {STORE_EVENTS,      {"at"}},
    {STORE_IDEMPOTENCY, {"expiresAt"},                                 TTL},
    {STORE_TOKENS,      {"userId", "purpose", "createdAt", "_id"},     IDS},
    {STORE_TOKENS,      {"hash"},                                      UNIQUE | SPARSE},
    {STORE_JOBS,        {"dueAt"},                                     SPARSE},
    {STORE_JOBS,        {"kind", "dueAt"}}, /* emails and texts (api/jobs/runner.c) */
    {STORE_JOBS,        {"lease"},                                     SPARSE},
    {STORE_JOBS,        {"expiresAt"},                                 TTL},
    {STORE_THROTTLES,   {"expiresAt"},                                 TTL},
    {STORE_REVOCATIONS, {"expiresAt"},                                 TTL},
    {STORE_ATTACHMENTS, {"taskId", "createdAt", "_id"}},
    {STORE_ATTACHMENTS, {"createdBy"}},
    {STORE_ATTACHMENTS, {"projectId"}},
    /* These two are what the GridFS specification asks for. */
    {STORE_FILES,       {"filename", "uploadDate"}},
    {STORE_CHUNKS,      {"files_id", "n"},                             UNIQUE},
    {STORE_UPLOADS,     {"dueAt"}},
};
/* clang-format on */

/*
 * Keys of indexes that earlier versions had.  Other indexes not in the table belong to the
 * operator.
 */
static const char *const retired[] = {
    "refreshHash_1",
    "userId_1", /* on sessions; replaced by one with createdAt */
    "revokedAt_1",
    "previousHash_1",
    "topic_1_entityId_1_seq_1",
    /* without state, without an order */
    "projectId_1_createdAt_1__id_1",
    "projectId_1_updatedAt_1__id_1",
    "projectId_1_dueKey_1_priority_1__id_1",
    "projectId_1_dueKey_1_priority_-1__id_1",
    "projectId_1_priority_1__id_1",
    "assigneeIds_1_createdAt_1__id_1",
    "assigneeIds_1_updatedAt_1__id_1",
    "assigneeIds_1_dueKey_1_priority_1__id_1",
    "members.userId_1",
    "access_1",
    "userId_1_purpose_1",
};

/* An index of the database, as returned by listIndexes. */
struct existing {
    char *name, *keys;
    int flags;
    bool known; /* is in the table */
};

struct listing {
    struct existing *items;
    uint32_t count, room;
};

/* "projectId_1_position_1": the keys, and the default name that every driver gives the index. */
static void
write_keys(struct text *out, const bson_t *keys)
{
    bson_iter_t iter;

    for (bool more = bson_iter_init(&iter, keys); more && bson_iter_next(&iter);)
        text_printf(out, "%s%s_%d", out->len > 0 ? "_" : "", bson_iter_key(&iter),
                    (int)bson_iter_as_int64(&iter));
}

static void
append_keys(bson_t *out, const struct index *x)
{
    for (int i = 0; i < KEYS_MAX && x->keys[i] != NULL; i++) {
        bool down = x->keys[i][0] == '-';

        bson_append_int32(out, x->keys[i] + down, -1, down ? -1 : 1);
    }
}

/* {key: {$gte: the least id, or the first instant}} */
static void
append_range(bson_t *out, const char *key, int flag)
{
    static const bson_oid_t least;
    bson_t range;

    bson_append_document_begin(out, key, -1, &range);
    if (flag == IDS)
        BSON_APPEND_OID(&range, "$gte", &least);
    else
        BSON_APPEND_DATE_TIME(&range, "$gte", 0);
    bson_append_document_end(out, &range);
}

/* Which of the keys a partial index is limited by: IDS the first one, DATES the last. */
static const char *
limited_key(const bson_t *index, int flag)
{
    bson_iter_t iter, keys;
    const char *key = NULL;

    if (!bson_iter_init_find(&iter, index, "key") || !bson_iter_recurse(&iter, &keys))
        return NULL;
    while (bson_iter_next(&keys) && (key == NULL || flag == DATES))
        key = bson_iter_key(&keys);
    return key;
}

/* The flag of a partial index whose filter is one of ours; OTHER: it is none. */
static int
partial_flag(const bson_t *index, const bson_iter_t *expression)
{
    static const int flags[] = {IDS, DATES};
    const uint8_t *bytes;
    uint32_t len;
    bson_t found;

    bson_iter_document(expression, &len, &bytes);
    for (size_t i = 0; i < 2 && bson_init_static(&found, bytes, len); i++) {
        const char *key = limited_key(index, flags[i]);
        bson_t ours = BSON_INITIALIZER;
        bool same;

        if (key != NULL)
            append_range(&ours, key, flags[i]);
        same = key != NULL && bson_equal(&ours, &found);
        bson_destroy(&ours);
        if (same)
            return flags[i];
    }
    return OTHER;
}

static struct existing
read_existing(const bson_t *doc)
{
    struct existing e = {0};
    struct text keys = {0};
    bson_iter_t iter;
    const uint8_t *bytes;
    uint32_t len;
    bson_t document;

    bson_iter_init(&iter, doc);
    while (bson_iter_next(&iter)) {
        const char *key = bson_iter_key(&iter);

        if (strcmp(key, "name") == 0 && BSON_ITER_HOLDS_UTF8(&iter)) {
            e.name = text_dup(bson_iter_utf8(&iter, NULL));
        } else if (strcmp(key, "key") == 0 && BSON_ITER_HOLDS_DOCUMENT(&iter)) {
            bson_iter_document(&iter, &len, &bytes);
            if (bson_init_static(&document, bytes, len))
                write_keys(&keys, &document);
        } else if (strcmp(key, "unique") == 0 && bson_iter_as_bool(&iter)) {
            e.flags |= UNIQUE;
        } else if (strcmp(key, "sparse") == 0 && bson_iter_as_bool(&iter)) {
            e.flags |= SPARSE;
        } else if (strcmp(key, "expireAfterSeconds") == 0) {
            e.flags |= bson_iter_as_int64(&iter) == 0 ? TTL : OTHER;
        } else if (strcmp(key, "partialFilterExpression") == 0) {
            e.flags |= BSON_ITER_HOLDS_DOCUMENT(&iter) ? partial_flag(doc, &iter) : OTHER;
        }
    }
    e.keys = text_dup(keys.bytes == NULL ? "" : keys.bytes);
    text_free(&keys);
    return e;
}

static void
forget(struct listing *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free(l->items[i].name);
        free(l->items[i].keys);
    }
    free(l->items);
    *l = (struct listing){0};
}

/* Reads the indexes of a collection; none if it does not exist. */
static enum err
list(mongoc_collection_t *coll, struct listing *out)
{
    mongoc_cursor_t *cursor = mongoc_collection_find_indexes_with_opts(coll, NULL);
    const bson_t *doc;
    bson_error_t error;
    enum err err = ERR_NONE;

    while (mongoc_cursor_next(cursor, &doc)) {
        out->items = vec_room(out->items, out->count, &out->room, sizeof(*out->items));
        out->items[out->count++] = read_existing(doc);
    }
    if (mongoc_cursor_error(cursor, &error) && error.code != NAMESPACE_NOT_FOUND) {
        log_error("migrate: %s: %s", mongoc_collection_get_name(coll), error.message);
        err = ERR_STORE;
    }
    mongoc_cursor_destroy(cursor);
    return err;
}

static enum err
drop(mongoc_collection_t *coll, const char *name, const char *why)
{
    bson_error_t error;

    log_info("migrate: %s: dropping index %s: %s", mongoc_collection_get_name(coll), name, why);
    if (mongoc_collection_drop_index(coll, name, &error) || error.code == INDEX_NOT_FOUND)
        return ERR_NONE;
    log_error("migrate: %s: %s", name, error.message);
    return ERR_STORE;
}

/* The key that a partial index of the table is limited by. */
static const char *
partial_key(const struct index *x)
{
    int n = 0;

    while ((x->flags & DATES) && n + 1 < KEYS_MAX && x->keys[n + 1] != NULL)
        n++;
    return x->keys[n];
}

/* {createIndexes: coll, indexes: [{key, name, and what the flags say}]} */
static enum err
create(mongoc_client_t *client, const char *database, const struct index *x, const char *name)
{
    bson_t *command = BCON_NEW("createIndexes", BCON_UTF8(store_names[x->name]));
    bson_t list, one, key;
    bson_error_t error;
    bool ok;

    BSON_APPEND_ARRAY_BEGIN(command, "indexes", &list);
    BSON_APPEND_DOCUMENT_BEGIN(&list, "0", &one);
    BSON_APPEND_DOCUMENT_BEGIN(&one, "key", &key);
    append_keys(&key, x);
    bson_append_document_end(&one, &key);
    BSON_APPEND_UTF8(&one, "name", name);
    if (x->flags & UNIQUE)
        BSON_APPEND_BOOL(&one, "unique", true);
    if (x->flags & SPARSE)
        BSON_APPEND_BOOL(&one, "sparse", true);
    if (x->flags & TTL)
        BSON_APPEND_INT32(&one, "expireAfterSeconds", 0);
    if (x->flags & (IDS | DATES)) {
        BSON_APPEND_DOCUMENT_BEGIN(&one, "partialFilterExpression", &key);
        append_range(&key, partial_key(x), x->flags);
        bson_append_document_end(&one, &key);
    }
    bson_append_document_end(&list, &one);
    bson_append_array_end(command, &list);
    log_info("migrate: %s: creating index %s", store_names[x->name], name);
    ok = mongoc_client_write_command_with_opts(client, database, command, NULL, NULL, &error);
    bson_destroy(command);
    if (ok)
        return ERR_NONE;
    log_error("migrate: %s: %s", name, error.message);
    return ERR_STORE;
}

/* Creates the index of one row; an index with the same keys and other options is dropped first. */
static enum err
make(mongoc_client_t *client, const char *database, mongoc_collection_t *coll,
     const struct index *x, struct listing *there)
{
    struct text name = {0};
    bson_t keys = BSON_INITIALIZER;
    bool have = false;
    enum err err = ERR_NONE;

    append_keys(&keys, x);
    write_keys(&name, &keys);
    bson_destroy(&keys);
    for (size_t i = 0; err == ERR_NONE && i < there->count; i++) {
        struct existing *e = &there->items[i];

        if (strcmp(e->keys, name.bytes) != 0)
            continue;
        e->known = true;
        if (e->flags == x->flags)
            have = true;
        else
            err = drop(coll, e->name, "its options have changed");
    }
    if (err == ERR_NONE && !have)
        err = create(client, database, x, name.bytes);
    text_free(&name);
    return err;
}

static bool
is_retired(const char *keys)
{
    for (size_t i = 0; i < sizeof(retired) / sizeof(retired[0]); i++)
        if (strcmp(retired[i], keys) == 0)
            return true;
    return false;
}

enum err
store_indexes_make(mongoc_client_t *client, const char *database, enum store_name name, bool drops)
{
    mongoc_collection_t *coll = mongoc_client_get_collection(client, database, store_names[name]);
    struct listing there = {0};
    enum err err = list(coll, &there);

    for (size_t i = 0; err == ERR_NONE && i < sizeof(indexes) / sizeof(indexes[0]); i++)
        if (indexes[i].name == name)
            err = make(client, database, coll, &indexes[i], &there);
    for (size_t i = 0; drops && err == ERR_NONE && i < there.count; i++)
        if (!there.items[i].known && is_retired(there.items[i].keys))
            err = drop(coll, there.items[i].name, "nothing asks for it any more");
    forget(&there);
    mongoc_collection_destroy(coll);
    return err;
}
