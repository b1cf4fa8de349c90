/*
 * Migration, with a separate client whose commands may take as long as building an index of
 * millions of documents.
 */
#include "common/admin/store_migrate.h"

#include <mongoc/mongoc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/admin/store_counts.h"
#include "common/admin/store_indexes.h"
#include "common/admin/store_rewrite.h"
#include "common/change/revocation.h"
#include "common/log.h"
#include "common/store/store.h"
#include "common/store/store_connect.h"
#include "common/text/doc.h"
#include "common/text/text.h"

#define PATIENCE_MS 86400000 /* time limit for one command */
#define READ_MS     10000    /* for reading a document by its _id */
#define LEASE_MS    60000
#define RENEW_MS    5000
#define HOLDER      33 /* 32 hex digits and a NUL */

struct migration {
    const char *database;
    mongoc_client_pool_t *pool;
    mongoc_client_t *client;
    char holder[HOLDER];
    atomic_bool done;
};

static mongoc_collection_t *
collection(mongoc_client_t *client, const struct migration *m, enum store_name name)
{
    return mongoc_client_get_collection(client, m->database, store_names[name]);
}

struct update {
    mongoc_client_t *client;
    enum store_name name;
    const bson_t *filter, *change;
    bool upsert;
};

/* One update; *matched may be NULL.  A duplicate key is ERR_CONFLICT, and not logged. */
static enum err
update(const struct migration *m, const struct update *u, int64_t *matched)
{
    mongoc_collection_t *coll = collection(u->client, m, u->name);
    bson_t *opts = BCON_NEW("upsert", BCON_BOOL(u->upsert)), reply;
    bson_error_t error;
    enum err err = ERR_NONE;

    if (!mongoc_collection_update_one(coll, u->filter, u->change, opts, &reply, &error)) {
        err = error.code == 11000 ? ERR_CONFLICT : ERR_STORE;
        if (err == ERR_STORE)
            log_error("migrate: %s: %s", store_names[u->name], error.message);
    } else if (matched != NULL) {
        *matched = doc_int(&reply, "matchedCount");
    }
    bson_destroy(&reply);
    bson_destroy(opts);
    mongoc_collection_destroy(coll);
    return err;
}

/* Ends a read: ERR_STORE if the database failed, otherwise the result so far. */
static enum err
end_reading(mongoc_cursor_t *cursor, enum err err)
{
    bson_error_t error;

    if (mongoc_cursor_error(cursor, &error)) {
        log_error("migrate: %s", error.message);
        err = ERR_STORE;
    }
    mongoc_cursor_destroy(cursor);
    return err;
}

/* ------------------------------------------------------------ the lease */

/* The server's time, since hosts' clocks may differ; 0 if the server cannot be asked. */
static int64_t
server_now(mongoc_client_t *client)
{
    bson_t *command = BCON_NEW("hello", BCON_INT32(1)), hello;
    bson_error_t error;
    int64_t now = 0;

    if (!mongoc_client_command_simple(client, "admin", command, NULL, &hello, &error))
        log_warn("migrate: %s", error.message);
    else if (!doc_time(&hello, "localTime", &now))
        now = 0;
    bson_destroy(command);
    bson_destroy(&hello);
    return now;
}

/* Takes or extends the lease; ERR_CONFLICT if another process has it. */
static enum err
hold(mongoc_client_t *client, const struct migration *m)
{
    int64_t now = server_now(client);
    bson_t *free_or_ours =
        BCON_NEW("_id", "migration", "$or", "[", "{", "until", "{", "$lt", BCON_DATE_TIME(now), "}",
                 "}", "{", "holder", BCON_UTF8(m->holder), "}", "]");
    bson_t *ours = BCON_NEW("$set", "{", "holder", BCON_UTF8(m->holder), "until",
                            BCON_DATE_TIME(now + LEASE_MS), "}");
    enum err err =
        now == 0 ? ERR_STORE
                 : update(m, &(struct update){client, STORE_META, free_or_ours, ours, true}, NULL);

    bson_destroy(free_or_ours);
    bson_destroy(ours);
    return err;
}

static void *
renew(void *arg)
{
    struct migration *m = arg;
    mongoc_client_t *client = mongoc_client_pool_pop(m->pool);

    for (int64_t waited = 0; !m->done; waited += 50) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        if (waited % RENEW_MS == 0 && hold(client, m) != ERR_NONE)
            log_warn("migrate: the lease could not be renewed");
    }
    mongoc_client_pool_push(m->pool, client);
    return NULL;
}

static void
release(struct migration *m)
{
    bson_t *ours = BCON_NEW("_id", "migration", "holder", BCON_UTF8(m->holder));
    bson_t *ended = BCON_NEW("$set", "{", "until", BCON_DATE_TIME(0), "}");

    if (update(m, &(struct update){m->client, STORE_META, ours, ended, false}, NULL) != ERR_NONE)
        log_warn("migrate: the lease could not be released; it will expire");
    bson_destroy(ours);
    bson_destroy(ended);
}

/* ------------------------------------------------------------ documents */

/* Inserts a document unless its _id exists. */
static enum err
make_document(struct migration *m, enum store_name name, const char *id, bson_t *content)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(id));
    bson_t *change = BCON_NEW("$setOnInsert", BCON_DOCUMENT(content));
    enum err err = update(m, &(struct update){m->client, name, filter, change, true}, NULL);

    bson_destroy(filter);
    bson_destroy(change);
    bson_destroy(content);
    return err == ERR_CONFLICT ? ERR_NONE : err; /* another process was first */
}

static void
new_epoch(char out[STORE_EPOCH])
{
    unsigned char bytes[4];

    text_random(bytes, sizeof(bytes));
    text_hex(out, bytes, sizeof(bytes));
}

/* The epoch, the topics without an owner, and the time of the log's trimming. */
static enum err
make_documents(struct migration *m)
{
    char epoch[STORE_EPOCH];
    enum err err;

    new_epoch(epoch);
    err = make_document(m, STORE_META, "epoch", BCON_NEW("value", BCON_UTF8(epoch)));
    if (err == ERR_NONE)
        err = make_document(m, STORE_TOPICS, "everyone", BCON_NEW("seq", BCON_INT64(0)));
    if (err == ERR_NONE)
        err = make_document(m, STORE_TOPICS, REVOCATION_TOPIC, BCON_NEW("seq", BCON_INT64(0)));
    if (err == ERR_NONE)
        err = make_document(m, STORE_META, "trim", BCON_NEW("dueAt", BCON_DATE_TIME(0)));
    return err;
}

static enum err
derive_all(struct migration *m)
{
    return store_rewrite_derived(m->client, m->database);
}

static enum err
count_all(struct migration *m)
{
    return store_counts_correct(m->client, m->database);
}

/*
 * What must be rewritten once for a version.  A step may run again after an interruption, and while
 * programs of the previous version are running.
 */
static const struct step {
    int version;
    const char *what;
    enum err (*run)(struct migration *m);
} steps[] = {
    {2, "deriving what tasks and projects are listed, sorted and searched by", derive_all},
    {4, "counting the subtasks, comments and attachments of tasks", count_all},
    {5, "deriving what comments are searched by", derive_all},
    {0, NULL, NULL},
};

static enum err
read_version(struct migration *m, int *version)
{
    mongoc_collection_t *coll = collection(m->client, m, STORE_META);
    bson_t *filter = BCON_NEW("_id", "schema");
    bson_t *opts = BCON_NEW("maxTimeMS", BCON_INT64(READ_MS));
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(coll, filter, opts, NULL);
    const bson_t *doc;
    enum err err;

    *version = 0;
    if (mongoc_cursor_next(cursor, &doc))
        *version = (int)doc_int(doc, "version");
    err = end_reading(cursor, ERR_NONE);
    bson_destroy(filter);
    bson_destroy(opts);
    mongoc_collection_destroy(coll);
    return err;
}

static enum err
note_version(struct migration *m)
{
    bson_t *filter = BCON_NEW("_id", "schema");
    bson_t *change = BCON_NEW("$set", "{", "version", BCON_INT32(STORE_SCHEMA), "oldest",
                              BCON_INT32(STORE_SCHEMA_OLDEST), "}");
    enum err err = update(m, &(struct update){m->client, STORE_META, filter, change, true}, NULL);

    bson_destroy(filter);
    bson_destroy(change);
    return err;
}

/* New indexes first, since the steps and the new programs need them; old ones are dropped last. */
static enum err
bring_up(struct migration *m)
{
    int version;
    enum err err = read_version(m, &version);

    if (err == ERR_NONE && version > STORE_SCHEMA) {
        log_error(
            "migrate: the database has schema %d, this program only knows %d: use a newer version",
            version, STORE_SCHEMA);
        return ERR_INVALID;
    }
    if (err == ERR_NONE)
        err = make_documents(m);
    for (int i = 0; err == ERR_NONE && i < STORE__COUNT; i++)
        err = store_indexes_make(m->client, m->database, (enum store_name)i, false);
    for (const struct step *s = steps; err == ERR_NONE && s->run != NULL; s++) {
        if (s->version <= version)
            continue;
        log_info("migrate: %s", s->what);
        err = s->run(m);
    }
    if (err == ERR_NONE)
        err = note_version(m);
    for (int i = 0; err == ERR_NONE && i < STORE__COUNT; i++)
        err = store_indexes_make(m->client, m->database, (enum store_name)i, true);
    if (err == ERR_NONE)
        log_info("migrate: the database has schema %d", STORE_SCHEMA);
    return err;
}

/* ------------------------------------------------------------ after a restore */

static enum err
raise_topic(struct migration *m, const char *topic, int64_t seq)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(topic), "seq", "{", "$lt", BCON_INT64(seq), "}");
    bson_t *change = BCON_NEW("$set", "{", "seq", BCON_INT64(seq), "}");
    int64_t matched = 0;
    enum err err =
        update(m, &(struct update){m->client, STORE_TOPICS, filter, change, false}, &matched);

    if (matched > 0)
        log_info("migrate: the number of %s was behind its events; raised it to %lld", topic,
                 (long long)seq);
    bson_destroy(filter);
    bson_destroy(change);
    return err;
}

/* Raises every topic's number to at least that of its newest event. */
static enum err
raise_topics(struct migration *m)
{
    mongoc_collection_t *coll = collection(m->client, m, STORE_EVENTS);
    bson_t *pipeline = BCON_NEW("pipeline", "[", "{", "$group", "{", "_id", "$topic", "seq", "{",
                                "$max", "$seq", "}", "}", "}", "]");
    bson_t *opts = BCON_NEW("maxTimeMS", BCON_INT64(PATIENCE_MS));
    mongoc_cursor_t *cursor =
        mongoc_collection_aggregate(coll, MONGOC_QUERY_NONE, pipeline, opts, NULL);
    const bson_t *doc;
    enum err err = ERR_NONE;

    while (err == ERR_NONE && mongoc_cursor_next(cursor, &doc))
        if (doc_text(doc, "_id") != NULL)
            err = raise_topic(m, doc_text(doc, "_id"), doc_int(doc, "seq"));
    err = end_reading(cursor, err);
    bson_destroy(pipeline);
    bson_destroy(opts);
    mongoc_collection_destroy(coll);
    return err;
}

/* Entries in the log of ended sessions have their numbers as ids. */
static enum err
raise_revocations(struct migration *m)
{
    mongoc_collection_t *coll = collection(m->client, m, STORE_REVOCATIONS);
    bson_t *all = bson_new();
    bson_t *newest = BCON_NEW("sort", "{", "_id", BCON_INT32(-1), "}", "limit", BCON_INT64(1));
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(coll, all, newest, NULL);
    const bson_t *doc;
    enum err err = ERR_NONE;

    if (mongoc_cursor_next(cursor, &doc))
        err = raise_topic(m, REVOCATION_TOPIC, doc_int(doc, "_id"));
    err = end_reading(cursor, err);
    bson_destroy(all);
    bson_destroy(newest);
    mongoc_collection_destroy(coll);
    return err;
}

static enum err
settle_restored(struct migration *m)
{
    char epoch[STORE_EPOCH];
    bson_t *filter, *change;
    enum err err = raise_topics(m);

    if (err == ERR_NONE)
        err = raise_revocations(m);

    if (err != ERR_NONE)
        return err;
    new_epoch(epoch);
    filter = BCON_NEW("_id", "epoch");
    change = BCON_NEW("$set", "{", "value", BCON_UTF8(epoch), "}");
    err = update(m, &(struct update){m->client, STORE_META, filter, change, true}, NULL);
    bson_destroy(filter);
    bson_destroy(change);
    return err == ERR_NONE ? bring_up(m) : err;
}

/* ------------------------------------------------------------ both */

/* Waits for the lease. */
static enum err
take_lease(struct migration *m)
{
    enum err err;

    while ((err = hold(m->client, m)) == ERR_CONFLICT) {
        log_info("migrate: another migration is running; waiting for it");
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    return err;
}

static enum err
run_leased(struct migration *m, enum err (*work)(struct migration *))
{
    unsigned char bytes[16];
    pthread_t thread;
    enum err err;

    text_random(bytes, sizeof(bytes));
    text_hex(m->holder, bytes, sizeof(bytes));
    if ((err = store_connect_check(m->client)) != ERR_NONE || (err = take_lease(m)) != ERR_NONE)
        return err;
    if (pthread_create(&thread, NULL, renew, m) != 0)
        return ERR_INTERNAL;
    err = work(m);
    m->done = true;
    pthread_join(thread, NULL);
    release(m);
    return err;
}

static enum err
run(const char *text, const char *database, enum err (*work)(struct migration *))
{
    struct migration m = {.database = database};
    mongoc_uri_t *uri;
    enum err err = ERR_INVALID;

    mongoc_init();
    uri = store_connect_uri(text, 2);
    if (uri == NULL ||
        !mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS, PATIENCE_MS))
        return ERR_INVALID;
    m.pool = mongoc_client_pool_new(uri);
    mongoc_uri_destroy(uri);
    if (m.pool == NULL)
        return ERR_STORE;
    mongoc_client_pool_set_error_api(m.pool, MONGOC_ERROR_API_VERSION_2);
    m.client = mongoc_client_pool_pop(m.pool);
    err = run_leased(&m, work);
    mongoc_client_pool_push(m.pool, m.client);
    mongoc_client_pool_destroy(m.pool);
    return err;
}

enum err
store_migrate(const char *uri, const char *database)
{
    return run(uri, database, bring_up);
}

static enum err
derive_and_count(struct migration *m)
{
    enum err err = derive_all(m);

    return err == ERR_NONE ? count_all(m) : err;
}

enum err
store_migrate_derive(const char *uri, const char *database)
{
    return run(uri, database, derive_and_count);
}

enum err
store_migrate_restored(const char *uri, const char *database)
{
    return run(uri, database, settle_restored);
}
