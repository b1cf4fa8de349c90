/*
 * The table of indexes, and what is made at a start.
 */
#include "common/store_setup.h"

#include <string.h>

#include "common/log.h"
#include "common/revocation.h"
#include "common/store.h"
#include "common/store_connect.h"
#include "common/text.h"

#define KEYS_MAX 6

enum { UNIQUE = 1, TTL = 2, RETENTION = 4, SPARSE = 8 };

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
    {STORE_SESSIONS,    {"userId"}},
    {STORE_SESSIONS,    {"expiresAt"},                                 TTL},
    {STORE_TOKENS,      {"expiresAt"},                                 TTL},
    {STORE_PROJECTS,    {"members.userId"}},
    {STORE_PROJECTS,    {"access"}},
    /* One per supported order of tasks (api/v1/tasks.c, task_orders). */
    {STORE_TASKS,       {"projectId", "position", "_id"}},
    {STORE_TASKS,       {"projectId", "createdAt", "_id"}},
    {STORE_TASKS,       {"projectId", "updatedAt", "_id"}},
    {STORE_TASKS,       {"projectId", "dueKey", "priority", "_id"}},
    {STORE_TASKS,       {"projectId", "dueKey", "-priority", "_id"}},
    {STORE_TASKS,       {"projectId", "priority", "_id"}},
    {STORE_TASKS,       {"assigneeIds", "dueKey", "priority", "_id"}},
    {STORE_TASKS,       {"assigneeIds", "updatedAt", "_id"}},
    {STORE_TASKS,       {"assigneeIds", "createdAt", "_id"}},
    {STORE_TASKS,       {"parentId"},                                  SPARSE},
    {STORE_COMMENTS,    {"taskId", "createdAt", "_id"}},
    {STORE_COMMENTS,    {"createdBy"}},
    {STORE_COMMENTS,    {"projectId"}},
    {STORE_NOTIFICATIONS, {"userId", "createdAt", "_id"}},
    {STORE_NOTIFICATIONS, {"taskId"},                                  SPARSE},
    {STORE_INVITATIONS, {"projectId", "email"},                        UNIQUE},
    {STORE_INVITATIONS, {"projectId", "createdAt", "_id"}},
    {STORE_INVITATIONS, {"tokenHash"},                                 UNIQUE},
    {STORE_INVITATIONS, {"email", "createdAt"}},
    {STORE_INVITATIONS, {"createdBy"}},
    {STORE_INVITATIONS, {"expiresAt"},                                 TTL},
    {STORE_EVENTS,      {"topic", "seq"},                              UNIQUE},
    {STORE_EVENTS,      {"topic", "entityId", "seq"}},
    {STORE_EVENTS,      {"at"},                                        RETENTION},
    {STORE_IDEMPOTENCY, {"expiresAt"},                                 TTL},
    {STORE_TOKENS,      {"userId", "purpose"},                         SPARSE},
    {STORE_TOKENS,      {"hash"},                                      UNIQUE | SPARSE},
    {STORE_JOBS,        {"dueAt"},                                     SPARSE},
    {STORE_JOBS,        {"lease"},                                     SPARSE},
    {STORE_JOBS,        {"expiresAt"},                                 TTL},
    {STORE_THROTTLES,   {"expiresAt"},                                 TTL},
    {STORE_REVOCATIONS, {"expiresAt"},                                 TTL},
};
/* clang-format on */

/* {createIndexes: coll, indexes: [{key, name, unique, expireAfterSeconds}]} */
static bson_t *
index_command(const struct index *x, long days)
{
    bson_t *command = BCON_NEW("createIndexes", BCON_UTF8(store_names[x->name]));
    bson_t list, one, key;
    struct text name = {0};

    BSON_APPEND_ARRAY_BEGIN(command, "indexes", &list);
    BSON_APPEND_DOCUMENT_BEGIN(&list, "0", &one);
    BSON_APPEND_DOCUMENT_BEGIN(&one, "key", &key);
    for (int i = 0; i < KEYS_MAX && x->keys[i] != NULL; i++) {
        bool down = x->keys[i][0] == '-';

        bson_append_int32(&key, x->keys[i] + down, -1, down ? -1 : 1);
        text_printf(&name, "%s%s_%d", i > 0 ? "_" : "", x->keys[i] + down, down ? -1 : 1);
    }
    bson_append_document_end(&one, &key);
    BSON_APPEND_UTF8(&one, "name", name.bytes);
    if (x->flags & UNIQUE)
        BSON_APPEND_BOOL(&one, "unique", true);
    if (x->flags & SPARSE)
        BSON_APPEND_BOOL(&one, "sparse", true);
    if (x->flags & TTL)
        BSON_APPEND_INT32(&one, "expireAfterSeconds", 0);
    if (x->flags & RETENTION)
        BSON_APPEND_INT64(&one, "expireAfterSeconds", (int64_t)days * 86400);
    bson_append_document_end(&list, &one);
    bson_append_array_end(command, &list);
    text_free(&name);
    return command;
}

static enum err
run(mongoc_client_t *client, const char *database, bson_t *command, const char *what)
{
    bson_error_t error;
    bool ok = mongoc_client_write_command_with_opts(client, database, command, NULL, NULL, &error);

    bson_destroy(command);
    if (ok)
        return ERR_NONE;
    log_error("store: %s: %s", what, error.message);
    return ERR_STORE;
}

/* Inserts a document unless one has its _id. */
static enum err
make_document(mongoc_client_t *client, const char *database, enum store_name name, const char *id,
              bson_t *content)
{
    mongoc_collection_t *coll = mongoc_client_get_collection(client, database, store_names[name]);
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(id)), *opts = BCON_NEW("upsert", BCON_BOOL(true));
    bson_t *update = BCON_NEW("$setOnInsert", BCON_DOCUMENT(content));
    bson_error_t error;
    bool ok = mongoc_collection_update_one(coll, filter, update, opts, NULL, &error);

    if (!ok && error.code == 11000) /* another process was first */
        ok = true;
    if (!ok)
        log_error("store: %s: %s", id, error.message);
    bson_destroy(filter);
    bson_destroy(update);
    bson_destroy(opts);
    bson_destroy(content);
    mongoc_collection_destroy(coll);
    return ok ? ERR_NONE : ERR_STORE;
}

/* The epoch, and the topics that are nobody's. */
static enum err
make_documents(mongoc_client_t *client, const char *database)
{
    unsigned char bytes[4];
    char epoch[STORE_EPOCH];
    enum err err;

    text_random(bytes, sizeof(bytes));
    text_hex(epoch, bytes, sizeof(bytes));
    err = make_document(client, database, STORE_META, "epoch", BCON_NEW("value", BCON_UTF8(epoch)));
    if (err != ERR_NONE)
        return err;
    err = make_document(client, database, STORE_TOPICS, "everyone", BCON_NEW("seq", BCON_INT64(0)));
    if (err != ERR_NONE)
        return err;
    return make_document(client, database, STORE_TOPICS, REVOCATION_TOPIC,
                         BCON_NEW("seq", BCON_INT64(0)));
}

/* The TTL of an index that exists follows the setting. */
static enum err
set_retention(mongoc_client_t *client, const char *database, long days)
{
    bson_t *command =
        BCON_NEW("collMod", BCON_UTF8(store_names[STORE_EVENTS]), "index", "{", "name", "at_1",
                 "expireAfterSeconds", BCON_INT64((int64_t)days * 86400), "}");
    bson_error_t error;

    if (!mongoc_client_write_command_with_opts(client, database, command, NULL, NULL, &error))
        log_warn("store: EVENT_RETENTION_DAYS keeps its old value: %s", error.message);
    bson_destroy(command);
    return ERR_NONE;
}

enum err
store_setup_run(mongoc_client_t *client, const char *database, long event_retention_days)
{
    enum err err = store_connect_check(client);

    for (size_t i = 0; err == ERR_NONE && i < sizeof(indexes) / sizeof(indexes[0]); i++) {
        bool ttl = (indexes[i].flags & RETENTION) != 0;

        err = run(client, database, index_command(&indexes[i], event_retention_days), "index");
        if (err != ERR_NONE && ttl) /* it exists with another age */
            err = set_retention(client, database, event_retention_days);
    }
    return err == ERR_NONE ? make_documents(client, database) : err;
}
