/*
 * Connections, reads and writes on MongoDB; store_transaction.c has transactions.
 */
#include "common/store.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/store_clock.h"
#include "common/store_connect.h"
#include "common/store_inside.h"
#include "common/store_stream.h"
#include "common/text.h"

#define READ_MS 5000 /* the server gives a read up then */

const char *const store_names[STORE__COUNT] = {
    [STORE_META] = "meta",
    [STORE_TOPICS] = "topics",
    [STORE_USERS] = "users",
    [STORE_SESSIONS] = "sessions",
    [STORE_TOKENS] = "tokens",
    [STORE_PROJECTS] = "projects",
    [STORE_TASKS] = "tasks",
    [STORE_COMMENTS] = "comments",
    [STORE_EVENTS] = "events",
    [STORE_IDEMPOTENCY] = "idempotency",
    [STORE_JOBS] = "jobs",
    [STORE_THROTTLES] = "throttles",
    [STORE_NOTIFICATIONS] = "notifications",
    [STORE_REVOCATIONS] = "revocations",
    [STORE_INVITATIONS] = "invitations",
};

static void
quiet(mongoc_log_level_t level, const char *domain, const char *message, void *arg)
{
    (void)arg;
    if (level <= MONGOC_LOG_LEVEL_WARNING)
        log_debug("store: %s: %s", domain, message);
}

/* A pool makes its SRV query at once; without one, only the URI can be wrong. */
static enum err
new_pool(const mongoc_uri_t *uri, mongoc_client_pool_t **out)
{
    bson_error_t error;

    *out = mongoc_client_pool_new_with_error(uri, &error);
    if (*out != NULL)
        return ERR_NONE;
    if (mongoc_uri_get_srv_hostname(uri) != NULL) {
        log_warn("store: cannot be reached: %s", error.message);
        return ERR_STORE;
    }
    log_error("store: MONGODB_URI cannot be used: %s", error.message);
    return ERR_INVALID;
}

enum err
store_pool_open(const char *text, const char *database, long most, struct store_pool **out)
{
    mongoc_client_pool_t *pool;
    mongoc_uri_t *uri;
    enum err err;

    *out = NULL;
    mongoc_init();
    mongoc_log_set_handler(quiet, NULL);
    if ((uri = store_connect_uri(text, most + 1)) == NULL) /* one more for store_clock.c */
        return ERR_INVALID;
    err = new_pool(uri, &pool);
    mongoc_uri_destroy(uri);
    if (err != ERR_NONE)
        return err;
    if (!mongoc_client_pool_set_error_api(pool, MONGOC_ERROR_API_VERSION_2))
        abort(); /* it is set before the first client is taken */
    if ((*out = calloc(1, sizeof(**out))) == NULL)
        abort();
    pthread_mutex_init(&(*out)->lock, NULL);
    (*out)->pool = pool;
    (*out)->database = text_dup(database);
    return ERR_NONE;
}

void
store_pool_close(struct store_pool *p)
{
    if (p == NULL)
        return;
    store_clock_stop(p);
    mongoc_client_pool_destroy(p->pool);
    pthread_mutex_destroy(&p->lock);
    free(p->database);
    free(p);
}

struct store *
store_take(struct store_pool *pool)
{
    struct store *s = calloc(1, sizeof(*s));

    if (s == NULL)
        abort();
    s->pool = pool;
    s->client = store_stream_pop(pool->pool);
    if (s->client == NULL) {
        free(s);
        return NULL;
    }
    for (int i = 0; i < STORE__COUNT; i++)
        s->collections[i] = mongoc_client_get_collection(s->client, pool->database, store_names[i]);
    s->transaction = store_connect_transaction();
    s->note = &s->own_note;
    pthread_mutex_lock(&pool->lock);
    s->next = pool->taken;
    pool->taken = s;
    pthread_mutex_unlock(&pool->lock);
    return s;
}

static void
leave_list(struct store *s)
{
    struct store **at = &s->pool->taken;

    pthread_mutex_lock(&s->pool->lock);
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    pthread_mutex_unlock(&s->pool->lock);
}

void
store_give(struct store *s)
{
    if (s == NULL)
        return;
    store_end_session(s);
    leave_list(s);
    for (int i = 0; i < STORE__COUNT; i++)
        mongoc_collection_destroy(s->collections[i]);
    mongoc_transaction_opts_destroy(s->transaction);
    mongoc_client_pool_push(s->pool->pool, s->client);
    free(s);
}

/* Did the command not reach a server, or its answer not reach us? */
static bool
is_lost(const bson_error_t *error)
{
    return error->domain == MONGOC_ERROR_STREAM || error->domain == MONGOC_ERROR_SERVER_SELECTION;
}

enum err
store_judge(struct store *s, enum store_name name, const bson_error_t *error, const bson_t *reply)
{
    bool transient = reply != NULL && mongoc_error_has_label(reply, "TransientTransactionError");

    if (error->domain == MONGOC_ERROR_SERVER && error->code == 11000)
        return ERR_CONFLICT;
    if (s->open && (transient || is_lost(error) || error->code == 112 || error->code == 251)) {
        log_debug("store: %s: a conflict: %s", store_names[name], error->message);
        s->doubtful |= is_lost(error);
        return ERR_RETRY;
    }
    log_warn("store: %s: %s (%d.%d)", store_names[name], error->message, (int)error->domain,
             (int)error->code);
    return ERR_STORE;
}

void
store_deadline(struct store *s, int64_t until)
{
    s->deadline = until;
    store_stream_deadline(until);
}

long
store_left(const struct store *s, long most)
{
    int64_t left = (s->deadline - clock_steady()) / 1000;

    if (s->deadline == 0 || left > most)
        return most;
    return left > 0 ? (long)left : 0;
}

/* Server errors (their codes) after which the same may be done again once there is a primary. */
static const struct {
    uint32_t code;
    bool undone; /* the command was not begun, so that even a write may be repeated */
} passing[] = {
    {10058, true},  /* LegacyNotPrimary */
    {10107, true},  /* NotWritablePrimary */
    {13435, true},  /* NotPrimaryNoSecondaryOk */
    {13436, true},  /* NotPrimaryOrSecondary */
    {6, false},     /* HostUnreachable */
    {7, false},     /* HostNotFound */
    {89, false},    /* NetworkTimeout */
    {91, false},    /* ShutdownInProgress */
    {134, false},   /* ReadConcernMajorityNotAvailableYet */
    {189, false},   /* PrimarySteppedDown */
    {262, false},   /* ExceededTimeLimit */
    {9001, false},  /* SocketException */
    {11600, false}, /* InterruptedAtShutdown */
    {11602, false}, /* InterruptedDueToReplStateChange */
};

static bool
passes(const bson_error_t *error, bool read)
{
    if (error->domain == MONGOC_ERROR_SERVER_SELECTION)
        return true;
    if (error->domain == MONGOC_ERROR_STREAM)
        return read;
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        if (passing[i].code == error->code)
            return error->domain == MONGOC_ERROR_SERVER && (read || passing[i].undone);
    return false;
}

bool
store_wait(struct store *s, int *tries, const bson_error_t *error, bool read)
{
    long pause = 10L << (*tries < 5 ? *tries : 5);

    if (s->open || s->deadline == 0 || store_left(s, pause + 1) <= pause || !passes(error, read))
        return false;
    ++*tries;
    nanosleep(&(struct timespec){.tv_nsec = pause * 1000000}, NULL);
    return true;
}

void
store_limit(struct store *s, const struct arena *arena)
{
    s->limit = arena;
}

bool
store_over_limit(const struct store *s)
{
    return s->limit != NULL && arena_full(s->limit);
}

/* opts and the session, if a transaction is open; the caller destroys *out. */
static const bson_t *
with_session(struct store *s, const bson_t *opts, bson_t *out)
{
    bson_init(out);
    if (opts != NULL)
        bson_concat(out, opts);
    if (s->open)
        bson_concat(out, s->in_session);
    return out;
}

/* A find, or an aggregation where there is a pipeline. */
struct reading {
    enum store_name name;
    const bson_t *filter, *opts, *pipeline;
    const char *level; /* of its read concern; NULL: the pool's */
    store_each each;
    void *arg;
};

/* The same for a read: with a time limit. */
static void
for_read(struct store *s, const struct reading *r, long limit, bson_t *out)
{
    bson_t concern;

    with_session(s, r->opts, out);
    BSON_APPEND_INT64(out, "maxTimeMS", limit);
    if (r->level != NULL) {
        BSON_APPEND_DOCUMENT_BEGIN(out, "readConcern", &concern);
        BSON_APPEND_UTF8(&concern, "level", r->level);
        bson_append_document_end(out, &concern);
    }
}

/* Hands on what comes; false with *error when the database failed before anything came. */
static bool
drain(struct store *s, const struct reading *r, mongoc_cursor_t *cursor, enum err *err,
      bson_error_t *error)
{
    const bson_t *doc, *reply = NULL;
    bool full = false, begun = false, failed;

    *err = ERR_NONE;
    while (*err == ERR_NONE && !(full = store_over_limit(s)) && mongoc_cursor_next(cursor, &doc)) {
        begun = true;
        *err = r->each(r->arg, doc);
    }
    if (*err == ERR_NONE && full)
        *err = ERR_TOO_MUCH;
    failed = *err == ERR_NONE && mongoc_cursor_error_document(cursor, error, &reply);
    if (failed)
        *err = store_judge(s, r->name, error, reply);
    mongoc_cursor_destroy(cursor);
    return !failed || begun;
}

static enum err
run_reading(struct store *s, const struct reading *r)
{
    mongoc_collection_t *from = s->collections[r->name];
    bson_error_t error;
    int tries = 0;
    enum err err;
    bool done;

    do {
        long limit = store_left(s, READ_MS);
        mongoc_cursor_t *cursor;
        bson_t opts;

        if (limit == 0) {
            log_warn("store: %s: the request's time is over", store_names[r->name]);
            return ERR_BUSY;
        }
        for_read(s, r, limit, &opts);
        cursor =
            r->pipeline == NULL
                ? mongoc_collection_find_with_opts(from, r->filter, &opts, NULL)
                : mongoc_collection_aggregate(from, MONGOC_QUERY_NONE, r->pipeline, &opts, NULL);
        bson_destroy(&opts);
        done = drain(s, r, cursor, &err, &error);
    } while (!done && store_wait(s, &tries, &error, true));
    return err;
}

enum err
store_find(struct store *s, enum store_name name, const bson_t *filter, const bson_t *opts,
           store_each each, void *arg)
{
    struct reading r = {.name = name, .filter = filter, .opts = opts, .each = each, .arg = arg};

    return run_reading(s, &r);
}

enum err
store_aggregate(struct store *s, enum store_name name, const bson_t *pipeline, store_each each,
                void *arg)
{
    struct reading r = {.name = name, .pipeline = pipeline, .each = each, .arg = arg};

    return run_reading(s, &r);
}

static enum err
keep_first(void *arg, const bson_t *doc)
{
    bson_t **out = arg;

    if (*out == NULL)
        *out = bson_copy(doc);
    return ERR_NONE;
}

static enum err
get(struct store *s, struct reading *r, const bson_t *opts, bson_t **out)
{
    bson_t one;
    enum err err;

    *out = NULL;
    bson_init(&one);
    if (opts != NULL)
        bson_concat(&one, opts);
    BSON_APPEND_INT64(&one, "limit", 1);
    BSON_APPEND_BOOL(&one, "singleBatch", true);
    r->opts = &one;
    r->each = keep_first;
    r->arg = out;
    err = run_reading(s, r);
    bson_destroy(&one);
    if (err != ERR_NONE) {
        if (*out != NULL)
            bson_destroy(*out);
        *out = NULL;
        return err;
    }
    return *out == NULL ? ERR_NOT_FOUND : ERR_NONE;
}

enum err
store_get(struct store *s, enum store_name name, const bson_t *filter, const bson_t *opts,
          bson_t **out)
{
    struct reading r = {.name = name, .filter = filter};

    return get(s, &r, opts, out);
}

enum err
store_get_newest(struct store *s, enum store_name name, const bson_t *filter, bson_t **out)
{
    struct reading r = {
        .name = name, .filter = filter, .level = MONGOC_READ_CONCERN_LEVEL_LINEARIZABLE};

    if (s->open)
        abort(); /* a transaction has one read concern */
    return get(s, &r, NULL, out);
}

enum writing { INSERT, INSERT_MANY, UPDATE, UPDATE_MANY, REPLACE, REMOVE, REMOVE_MANY };

struct write {
    enum store_name name;
    enum writing what;
    const bson_t *filter, *doc; /* doc: the update, or what is stored */
    const bson_t **docs;
    size_t count;
};

static bool
write_once(struct store *s, const struct write *w, bson_t *reply, bson_error_t *error)
{
    mongoc_collection_t *to = s->collections[w->name];
    const bson_t *opts = s->open ? s->in_session : NULL;

    switch (w->what) {
    case INSERT:
        return mongoc_collection_insert_one(to, w->doc, opts, reply, error);
    case INSERT_MANY:
        return mongoc_collection_insert_many(to, w->docs, w->count, opts, reply, error);
    case UPDATE:
        return mongoc_collection_update_one(to, w->filter, w->doc, opts, reply, error);
    case UPDATE_MANY:
        return mongoc_collection_update_many(to, w->filter, w->doc, opts, reply, error);
    case REPLACE:
        return mongoc_collection_replace_one(to, w->filter, w->doc, opts, reply, error);
    case REMOVE:
        return mongoc_collection_delete_one(to, w->filter, opts, reply, error);
    case REMOVE_MANY:
        return mongoc_collection_delete_many(to, w->filter, opts, reply, error);
    }
    abort();
}

static enum err
run_write(struct store *s, const struct write *w, int64_t *matched)
{
    bson_iter_t iter;
    bson_error_t error;
    bson_t reply;
    int tries = 0;
    enum err err;

    if ((w->what == UPDATE_MANY || w->what == REMOVE_MANY) && !s->open)
        abort(); /* see store_many.h */
    if (matched != NULL)
        *matched = 0;
    for (;;) {
        if (store_left(s, 1) == 0) {
            log_warn("store: %s: the request's time is over", store_names[w->name]);
            return ERR_BUSY;
        }
        err = write_once(s, w, &reply, &error) ? ERR_NONE : store_judge(s, w->name, &error, &reply);
        if (err == ERR_NONE || !store_wait(s, &tries, &error, false))
            break;
        bson_destroy(&reply);
    }
    if (matched != NULL && err == ERR_NONE && bson_iter_init_find(&iter, &reply, "matchedCount"))
        *matched = bson_iter_as_int64(&iter);
    bson_destroy(&reply);
    return err;
}

enum err
store_insert(struct store *s, enum store_name name, const bson_t *doc)
{
    struct write w = {.name = name, .what = INSERT, .doc = doc};

    return run_write(s, &w, NULL);
}

enum err
store_insert_many(struct store *s, enum store_name name, const bson_t **docs, size_t count)
{
    struct write w = {.name = name, .what = INSERT_MANY, .docs = docs, .count = count};

    return count == 0 ? ERR_NONE : run_write(s, &w, NULL);
}

enum err
store_update(struct store *s, enum store_name name, const bson_t *filter, const bson_t *update,
             int64_t *matched)
{
    struct write w = {.name = name, .what = UPDATE, .filter = filter, .doc = update};

    return run_write(s, &w, matched);
}

enum err
store_update_many(struct store *s, enum store_name name, const bson_t *filter, const bson_t *update,
                  int64_t *matched)
{
    struct write w = {.name = name, .what = UPDATE_MANY, .filter = filter, .doc = update};

    return run_write(s, &w, matched);
}

enum err
store_replace(struct store *s, enum store_name name, const bson_t *filter, const bson_t *doc,
              int64_t *matched)
{
    struct write w = {.name = name, .what = REPLACE, .filter = filter, .doc = doc};

    return run_write(s, &w, matched);
}

enum err
store_remove(struct store *s, enum store_name name, const bson_t *filter)
{
    struct write w = {.name = name, .what = REMOVE, .filter = filter};

    return run_write(s, &w, NULL);
}

enum err
store_remove_many(struct store *s, enum store_name name, const bson_t *filter)
{
    struct write w = {.name = name, .what = REMOVE_MANY, .filter = filter};

    return run_write(s, &w, NULL);
}

enum err
store_ping(struct store *s)
{
    bson_t *ping = BCON_NEW("ping", BCON_INT32(1)), reply;
    bson_error_t error;
    bool ok =
        mongoc_client_command_simple(s->client, s->pool->database, ping, NULL, &reply, &error);

    bson_destroy(ping);
    bson_destroy(&reply);
    return ok ? ERR_NONE : store_judge(s, STORE_META, &error, NULL);
}

enum err
store_epoch(struct store *s, char out[STORE_EPOCH])
{
    bson_t *filter = BCON_NEW("_id", "epoch"), *doc;
    enum err err = store_get(s, STORE_META, filter, NULL, &doc);
    bson_iter_t iter;

    bson_destroy(filter);
    if (err != ERR_NONE)
        return err;
    if (bson_iter_init_find(&iter, doc, "value") && BSON_ITER_HOLDS_UTF8(&iter))
        bson_strncpy(out, bson_iter_utf8(&iter, NULL), STORE_EPOCH);
    else
        err = ERR_STORE;
    bson_destroy(doc);
    return err;
}

/* The schema that the database has, and the oldest that may run on it; 0: none yet. */
static enum err
read_schema(struct store *s, int64_t *version, int64_t *oldest)
{
    bson_t *filter = BCON_NEW("_id", "schema"), *doc;
    enum err err = store_get(s, STORE_META, filter, NULL, &doc);
    bson_iter_t iter;

    *version = *oldest = 0;
    bson_destroy(filter);
    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    if (bson_iter_init_find(&iter, doc, "version"))
        *version = bson_iter_as_int64(&iter);
    if (bson_iter_init_find(&iter, doc, "oldest"))
        *oldest = bson_iter_as_int64(&iter);
    bson_destroy(doc);
    return ERR_NONE;
}

enum err
store_check(struct store *s)
{
    int64_t version, oldest;
    enum err err = store_connect_check(s->client);

    if (err != ERR_NONE || (err = read_schema(s, &version, &oldest)) != ERR_NONE)
        return err;
    if (version < STORE_SCHEMA) {
        log_error("store: the database has schema %d, this program needs %d: run taskwire-admin "
                  "migrate",
                  (int)version, STORE_SCHEMA);
        return ERR_STORE;
    }
    if (oldest > STORE_SCHEMA) {
        log_error("store: the database has schema %d, which this program is too old for",
                  (int)version);
        return ERR_INVALID;
    }
    return ERR_NONE;
}
