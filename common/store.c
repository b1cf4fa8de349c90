/*
 * Connections, reads, writes and transactions on MongoDB.
 */
#include "common/store.h"

#include <mongoc/mongoc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/store_connect.h"
#include "common/store_setup.h"
#include "common/text.h"

#define COMMIT_TRIES 8    /* the same commit may be sent again safely */
#define READ_MS      5000 /* the server gives a read up then */

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
};

struct store_pool {
    mongoc_client_pool_t *pool;
    mongoc_transaction_opt_t *transaction;
    char *database;
};

struct store {
    struct store_pool *pool;
    mongoc_client_t *client;
    mongoc_collection_t *collections[STORE__COUNT];
    mongoc_client_session_t *session;
    bool open;               /* a transaction is open */
    bson_t *in_session;      /* {sessionId: ...}, for the opts of its commands */
    struct store_note *note;   /* NULL: nobody asked for it */
    const struct arena *limit; /* of store_limit() */
};

static void
quiet(mongoc_log_level_t level, const char *domain, const char *message, void *arg)
{
    (void)arg;
    if (level <= MONGOC_LOG_LEVEL_WARNING)
        log_debug("store: %s: %s", domain, message);
}

struct store_pool *
store_pool_open(const char *text, const char *database, long most)
{
    struct store_pool *p = calloc(1, sizeof(*p));
    bson_error_t error;
    mongoc_uri_t *uri;

    if (p == NULL)
        abort();
    mongoc_init();
    mongoc_log_set_handler(quiet, NULL);
    if ((uri = store_connect_uri(text, most)) == NULL)
        goto fail;
    p->pool = mongoc_client_pool_new_with_error(uri, &error);
    mongoc_uri_destroy(uri);
    if (p->pool == NULL) {
        log_error("store: no pool: %s", error.message);
        goto fail;
    }
    if (!mongoc_client_pool_set_error_api(p->pool, MONGOC_ERROR_API_VERSION_2))
        abort(); /* it is set before the first client is taken */
    p->transaction = store_connect_transaction();
    p->database = text_dup(database);
    return p;
fail:
    free(p);
    return NULL;
}

void
store_pool_close(struct store_pool *p)
{
    if (p == NULL)
        return;
    mongoc_client_pool_destroy(p->pool);
    mongoc_transaction_opts_destroy(p->transaction);
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
    s->client = mongoc_client_pool_pop(pool->pool);
    if (s->client == NULL) {
        free(s);
        return NULL;
    }
    for (int i = 0; i < STORE__COUNT; i++)
        s->collections[i] = mongoc_client_get_collection(s->client, pool->database, store_names[i]);
    return s;
}

static void
end_session(struct store *s)
{
    if (s->session == NULL)
        return;
    mongoc_client_session_destroy(s->session);
    bson_destroy(s->in_session);
    if (s->note != NULL)
        memset(s->note, 0, sizeof(*s->note));
    s->session = NULL;
    s->open = false;
}

void
store_give(struct store *s)
{
    if (s == NULL)
        return;
    end_session(s);
    for (int i = 0; i < STORE__COUNT; i++)
        mongoc_collection_destroy(s->collections[i]);
    mongoc_client_pool_push(s->pool->pool, s->client);
    free(s);
}

/* What an error means for the caller; logs what only the library can tell. */
static enum err
judge(struct store *s, enum store_name name, const bson_error_t *error, const bson_t *reply)
{
    bool transient = reply != NULL && mongoc_error_has_label(reply, "TransientTransactionError");

    if (error->domain == MONGOC_ERROR_SERVER && error->code == 11000)
        return ERR_CONFLICT;
    if (s->open && (transient || error->code == 112 || error->code == 251)) {
        log_debug("store: %s: a conflict: %s", store_names[name], error->message);
        return ERR_RETRY;
    }
    log_warn("store: %s: %s (%d.%d)", store_names[name], error->message, (int)error->domain,
             (int)error->code);
    return ERR_STORE;
}

void
store_limit(struct store *s, const struct arena *arena)
{
    s->limit = arena;
}

static bool
over_limit(const struct store *s)
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

/* The same for a read: it also gets a time limit. */
static const bson_t *
for_read(struct store *s, const bson_t *opts, bson_t *out)
{
    with_session(s, opts, out);
    BSON_APPEND_INT64(out, "maxTimeMS", READ_MS);
    return out;
}

static enum err
drain(struct store *s, enum store_name name, mongoc_cursor_t *cursor, store_each each, void *arg)
{
    const bson_t *doc, *reply = NULL;
    bson_error_t error;
    enum err err = ERR_NONE;
    bool full = false;

    while (err == ERR_NONE && !(full = over_limit(s)) && mongoc_cursor_next(cursor, &doc))
        err = each(arg, doc);
    if (err == ERR_NONE && full)
        err = ERR_TOO_MUCH;
    if (err == ERR_NONE && mongoc_cursor_error_document(cursor, &error, &reply))
        err = judge(s, name, &error, reply);
    mongoc_cursor_destroy(cursor);
    return err;
}

enum err
store_find(struct store *s, enum store_name name, const bson_t *filter, const bson_t *opts,
           store_each each, void *arg)
{
    bson_t all;
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(s->collections[name], filter,
                                                               for_read(s, opts, &all), NULL);

    bson_destroy(&all);
    return drain(s, name, cursor, each, arg);
}

enum err
store_aggregate(struct store *s, enum store_name name, const bson_t *pipeline, store_each each,
                void *arg)
{
    bson_t all;
    mongoc_cursor_t *cursor = mongoc_collection_aggregate(
        s->collections[name], MONGOC_QUERY_NONE, pipeline, for_read(s, NULL, &all), NULL);

    bson_destroy(&all);
    return drain(s, name, cursor, each, arg);
}

static enum err
keep_first(void *arg, const bson_t *doc)
{
    bson_t **out = arg;

    if (*out == NULL)
        *out = bson_copy(doc);
    return ERR_NONE;
}

enum err
store_get(struct store *s, enum store_name name, const bson_t *filter, const bson_t *opts,
          bson_t **out)
{
    bson_t one;
    enum err err;

    *out = NULL;
    bson_init(&one);
    if (opts != NULL)
        bson_concat(&one, opts);
    BSON_APPEND_INT64(&one, "limit", 1);
    BSON_APPEND_BOOL(&one, "singleBatch", true);
    err = store_find(s, name, filter, &one, keep_first, out);
    bson_destroy(&one);
    if (err != ERR_NONE) {
        if (*out != NULL)
            bson_destroy(*out);
        *out = NULL;
        return err;
    }
    return *out == NULL ? ERR_NOT_FOUND : ERR_NONE;
}

/* The end of every write: reads the count, judges, frees. */
static enum err
written(struct store *s, enum store_name name, bool ok, bson_error_t *error, bson_t *reply,
        bson_t *opts, int64_t *matched)
{
    bson_iter_t iter;
    enum err err = ok ? ERR_NONE : judge(s, name, error, reply);

    if (matched != NULL)
        *matched =
            ok && bson_iter_init_find(&iter, reply, "matchedCount") ? bson_iter_as_int64(&iter) : 0;
    bson_destroy(reply);
    bson_destroy(opts);
    return err;
}

enum err
store_insert(struct store *s, enum store_name name, const bson_t *doc)
{
    bson_t opts, reply;
    bson_error_t error;
    bool ok = mongoc_collection_insert_one(s->collections[name], doc, with_session(s, NULL, &opts),
                                           &reply, &error);

    return written(s, name, ok, &error, &reply, &opts, NULL);
}

enum err
store_insert_many(struct store *s, enum store_name name, const bson_t **docs, size_t count)
{
    bson_t opts, reply;
    bson_error_t error;
    bool ok;

    if (count == 0)
        return ERR_NONE;
    ok = mongoc_collection_insert_many(s->collections[name], docs, count,
                                       with_session(s, NULL, &opts), &reply, &error);
    return written(s, name, ok, &error, &reply, &opts, NULL);
}

enum err
store_update(struct store *s, enum store_name name, const bson_t *filter, const bson_t *update,
             int64_t *matched)
{
    bson_t opts, reply;
    bson_error_t error;
    bool ok = mongoc_collection_update_one(s->collections[name], filter, update,
                                           with_session(s, NULL, &opts), &reply, &error);

    return written(s, name, ok, &error, &reply, &opts, matched);
}

enum err
store_update_many(struct store *s, enum store_name name, const bson_t *filter, const bson_t *update,
                  int64_t *matched)
{
    bson_t opts, reply;
    bson_error_t error;
    bool ok;

    if (!s->open)
        abort(); /* see store_many.h */
    ok = mongoc_collection_update_many(s->collections[name], filter, update,
                                       with_session(s, NULL, &opts), &reply, &error);
    return written(s, name, ok, &error, &reply, &opts, matched);
}

enum err
store_replace(struct store *s, enum store_name name, const bson_t *filter, const bson_t *doc,
              int64_t *matched)
{
    bson_t opts, reply;
    bson_error_t error;
    bool ok = mongoc_collection_replace_one(s->collections[name], filter, doc,
                                            with_session(s, NULL, &opts), &reply, &error);

    return written(s, name, ok, &error, &reply, &opts, matched);
}

enum err
store_remove(struct store *s, enum store_name name, const bson_t *filter)
{
    bson_t opts, reply;
    bson_error_t error;
    bool ok = mongoc_collection_delete_one(s->collections[name], filter,
                                           with_session(s, NULL, &opts), &reply, &error);

    return written(s, name, ok, &error, &reply, &opts, NULL);
}

enum err
store_remove_many(struct store *s, enum store_name name, const bson_t *filter)
{
    bson_t opts, reply;
    bson_error_t error;
    bool ok;

    if (!s->open)
        abort(); /* see store_many.h */
    ok = mongoc_collection_delete_many(s->collections[name], filter, with_session(s, NULL, &opts),
                                       &reply, &error);
    return written(s, name, ok, &error, &reply, &opts, NULL);
}

void
store_notes_in(struct store *s, struct store_note *note)
{
    s->note = note;
}

static void
note_session(struct store *s)
{
    bson_iter_t iter;
    const uint8_t *id;
    uint32_t len;

    if (s->note == NULL ||
        !bson_iter_init_find(&iter, mongoc_client_session_get_lsid(s->session), "id") ||
        !BSON_ITER_HOLDS_BINARY(&iter))
        return;
    bson_iter_binary(&iter, NULL, &len, &id);
    if (len == sizeof(s->note->session))
        memcpy(s->note->session, id, len);
}

enum err
store_end_sessions(struct store *s, const struct store_note *notes, size_t count)
{
    static const struct store_note none;
    bson_t *command = bson_new(), list, one;
    bson_error_t error;
    char key[16];
    int n = 0;
    bool ok;

    BSON_APPEND_ARRAY_BEGIN(command, "killSessions", &list);
    for (size_t i = 0; i < count; i++) {
        if (memcmp(&notes[i], &none, sizeof(none)) == 0)
            continue;
        snprintf(key, sizeof(key), "%d", n++);
        BSON_APPEND_DOCUMENT_BEGIN(&list, key, &one);
        BSON_APPEND_BINARY(&one, "id", BSON_SUBTYPE_UUID, notes[i].session,
                           sizeof(notes[i].session));
        bson_append_document_end(&list, &one);
    }
    bson_append_array_end(command, &list);
    ok = n == 0 || mongoc_client_command_simple(s->client, "admin", command, NULL, NULL, &error);
    bson_destroy(command);
    return ok ? ERR_NONE : judge(s, STORE_META, &error, NULL);
}

enum err
store_begin(struct store *s)
{
    bson_error_t error;

    if (s->session == NULL) {
        s->session = mongoc_client_start_session(s->client, NULL, &error);
        if (s->session == NULL) {
            log_warn("store: no session: %s", error.message);
            return ERR_STORE;
        }
        s->in_session = bson_new();
        if (!mongoc_client_session_append(s->session, s->in_session, &error))
            abort(); /* it was made by this client */
        note_session(s);
    }
    if (!mongoc_client_session_start_transaction(s->session, s->pool->transaction, &error)) {
        log_warn("store: no transaction: %s", error.message);
        end_session(s);
        return ERR_STORE;
    }
    s->open = true;
    return ERR_NONE;
}

enum err
store_commit(struct store *s)
{
    bson_error_t error;
    bson_t reply;

    if (over_limit(s)) {
        store_abort(s);
        return ERR_TOO_MUCH;
    }
    for (int i = 0; i < COMMIT_TRIES; i++) {
        bool transient, unknown;

        if (mongoc_client_session_commit_transaction(s->session, &reply, &error)) {
            bson_destroy(&reply);
            s->open = false;
            return ERR_NONE;
        }
        transient = mongoc_error_has_label(&reply, "TransientTransactionError");
        unknown = mongoc_error_has_label(&reply, "UnknownTransactionCommitResult");
        bson_destroy(&reply);
        if (transient && !unknown) {
            s->open = false;
            return ERR_RETRY;
        }
        if (!unknown)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 20000000L << (i < 5 ? i : 5)}, NULL);
    }
    log_warn("store: a commit's result is unknown: %s", error.message);
    end_session(s);
    return ERR_STORE;
}

void
store_abort(struct store *s)
{
    if (s->open)
        mongoc_client_session_abort_transaction(s->session, NULL);
    s->open = false;
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
    return ok ? ERR_NONE : judge(s, STORE_META, &error, NULL);
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

enum err
store_setup(struct store *s, long event_retention_days)
{
    return store_setup_run(s->client, s->pool->database, event_retention_days);
}
