/*
 * Transactions and their sessions.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/store/store_connect.h"
#include "common/store/store_gather.h"
#include "common/store/store_inside.h"

#define COMMIT_MS 5000 /* one attempt to commit; without a deadline, all of them */
#define PAUSE_MS  20   /* before a commit is sent again; doubled up to 32 times */

#define DOUBTS_MAX 64 /* sessions that one call ends */

void
store_notes_in(struct store *s, struct store_note *note)
{
    pthread_mutex_lock(&s->pool->lock);
    s->note = note;
    pthread_mutex_unlock(&s->pool->lock);
}

/* The session's id. */
static void
note_session(struct store *s)
{
    struct store_session *noted = &s->note->sessions[0];
    bson_iter_t iter;
    const uint8_t *id;
    uint32_t len;

    if (!bson_iter_init_find(&iter, mongoc_client_session_get_lsid(s->session), "id") ||
        !BSON_ITER_HOLDS_BINARY(&iter))
        return;
    bson_iter_binary(&iter, NULL, &len, &id);
    if (len == sizeof(noted->id))
        memcpy(noted->id, id, len);
}

static const struct store_session none;

static bool
is_empty(const struct store_session *session)
{
    return memcmp(session, &none, sizeof(none)) == 0;
}

static bool
end_sessions(mongoc_client_t *client, const struct store_session *sessions, size_t count,
             bson_error_t *error)
{
    bson_t *command = bson_new(), list, one;
    char key[16];
    int n = 0;
    bool ok;

    BSON_APPEND_ARRAY_BEGIN(command, "killSessions", &list);
    for (size_t i = 0; i < count; i++) {
        if (is_empty(&sessions[i]))
            continue;
        snprintf(key, sizeof(key), "%d", n++);
        BSON_APPEND_DOCUMENT_BEGIN(&list, key, &one);
        BSON_APPEND_BINARY(&one, "id", BSON_SUBTYPE_UUID, sessions[i].id, sizeof(sessions[i].id));
        bson_append_document_end(&list, &one);
    }
    bson_append_array_end(command, &list);
    ok = n == 0 || mongoc_client_command_simple(client, "admin", command, NULL, NULL, error);
    bson_destroy(command);
    return ok;
}

enum err
store_end_sessions(struct store *s, const struct store_session *sessions, size_t count)
{
    bson_error_t error;

    return end_sessions(s->client, sessions, count, &error)
               ? ERR_NONE
               : store_error(s, STORE_META, &error, NULL);
}

void
store_end_session(struct store *s)
{
    struct store_session *noted = s->note->sessions;

    if (s->session == NULL)
        return;
    if (s->doubtful) { /* to the next entry; the oldest is dropped */
        pthread_mutex_lock(&s->pool->lock);
        memmove(&noted[1], &noted[0], STORE_DOUBTS * sizeof(noted[0]));
        pthread_mutex_unlock(&s->pool->lock);
    }
    mongoc_client_session_destroy(s->session);
    bson_destroy(s->in_session);
    memset(&noted[0], 0, sizeof(noted[0]));
    s->session = NULL;
    s->open = s->doubtful = false;
}

/* Appends the doubts of a note to a list; with the pool's lock. */
static size_t
add_doubts(const struct store_note *note, struct store_session *out, size_t count)
{
    for (int i = 1; i <= STORE_DOUBTS && count < DOUBTS_MAX; i++)
        if (!is_empty(&note->sessions[i]))
            out[count++] = note->sessions[i];
    return count;
}

/*
 * Removes the ended sessions from a note; with the pool's lock, since others may have been added.
 */
static void
drop_doubts(struct store_note *note, const struct store_session *ended, size_t count)
{
    for (int i = 1; i <= STORE_DOUBTS; i++)
        for (size_t k = 0; k < count; k++)
            if (memcmp(&note->sessions[i], &ended[k], sizeof(ended[k])) == 0)
                note->sessions[i] = none;
}

/*
 * A transaction that the server may still have open would keep its topics locked until the server's
 * own limit.  If it cannot be ended now, store_clock.c's thread tries again, and so does the next
 * begin.
 */
static void
end_doubts(struct store *s)
{
    struct store_session doubts[DOUBTS_MAX];
    size_t count;

    pthread_mutex_lock(&s->pool->lock);
    count = add_doubts(s->note, doubts, 0);
    pthread_mutex_unlock(&s->pool->lock);
    if (count == 0 || store_end_sessions(s, doubts, count) != ERR_NONE)
        return;
    pthread_mutex_lock(&s->pool->lock);
    drop_doubts(s->note, doubts, count);
    pthread_mutex_unlock(&s->pool->lock);
}

void
store_end_doubts(struct store_pool *pool, mongoc_client_t *client)
{
    struct store_session doubts[DOUBTS_MAX];
    bson_error_t error;
    size_t count = 0;

    pthread_mutex_lock(&pool->lock);
    for (const struct store *s = pool->taken; s != NULL; s = s->next)
        count = add_doubts(s->note, doubts, count);
    pthread_mutex_unlock(&pool->lock);
    if (count == 0)
        return;
    if (!end_sessions(client, doubts, count, &error)) {
        log_warn("store: open transactions cannot be aborted yet: %s", error.message);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    for (const struct store *s = pool->taken; s != NULL; s = s->next)
        drop_doubts(s->note, doubts, count);
    pthread_mutex_unlock(&pool->lock);
}

static enum err
start_session(struct store *s)
{
    bson_error_t error;

    s->session = mongoc_client_start_session(s->client, NULL, &error);
    if (s->session == NULL) {
        log_warn("store: cannot start a session: %s", error.message);
        return ERR_STORE;
    }
    s->in_session = bson_new();
    if (!mongoc_client_session_append(s->session, s->in_session, &error))
        abort(); /* it was made by this client */
    note_session(s);
    return ERR_NONE;
}

enum err
store_begin(struct store *s)
{
    bson_error_t error;
    long limit = store_left(s, COMMIT_MS);
    enum err err;

    s->failed = s->refused = false;
    if (limit == 0)
        return ERR_BUSY;
    end_doubts(s);
    if (s->session == NULL && (err = start_session(s)) != ERR_NONE)
        return err;
    mongoc_transaction_opts_set_max_commit_time_ms(s->transaction, limit);
    if (!mongoc_client_session_start_transaction(s->session, s->transaction, &error)) {
        log_warn("store: cannot start a transaction: %s", error.message);
        store_end_session(s);
        return ERR_STORE;
    }
    store_gather_clear(s);
    s->open = true;
    return ERR_NONE;
}

bool
store_failed(const struct store *s)
{
    return s->failed;
}

bool
store_refused(const struct store *s)
{
    return s->refused;
}

enum commit { COMMITTED, UNDONE, UNKNOWN, REFUSED };

static enum commit
commit_once(struct store *s, bson_error_t *error)
{
    bson_t reply;
    bool ok = mongoc_client_session_commit_transaction(s->session, &reply, error);
    bool transient = !ok && mongoc_error_has_label(&reply, "TransientTransactionError");
    bool unknown = !ok && mongoc_error_has_label(&reply, "UnknownTransactionCommitResult");

    bson_destroy(&reply);
    if (ok)
        return COMMITTED;
    if (unknown || error->domain == MONGOC_ERROR_SERVER_SELECTION ||
        error->domain == MONGOC_ERROR_STREAM)
        return UNKNOWN;
    return transient ? UNDONE : REFUSED;
}

enum err
store_commit(struct store *s)
{
    bson_error_t error;
    enum commit result;
    long left = store_left(s, COMMIT_MS), pause = PAUSE_MS;
    enum err err = store_over_limit(s) ? ERR_TOO_MUCH : store_gather_flush(s);

    if (err != ERR_NONE) {
        store_abort(s);
        return err;
    }
    store_gather_clear(s);
    /* A commit may be sent any number of times: it takes effect once. */
    while ((result = commit_once(s, &error)) == UNKNOWN) {
        long most = s->deadline == 0 ? left : store_left(s, COMMIT_MS);

        if (most <= pause)
            break;
        nanosleep(&(struct timespec){.tv_nsec = pause * 1000000}, NULL);
        left -= pause;
        pause = pause < PAUSE_MS * 32 ? pause * 2 : pause;
    }
    if (result == COMMITTED || result == UNDONE) {
        s->open = false;
        return result == COMMITTED ? ERR_NONE : ERR_RETRY;
    }
    log_warn("store: the result of a commit is unknown: %s", error.message);
    s->doubtful = true;
    store_end_session(s);
    end_doubts(s);
    return ERR_STORE;
}

bool
store_outside(struct store *s)
{
    bool open = s->open;

    s->open = false;
    return open;
}

void
store_inside(struct store *s, bool open)
{
    s->open = open;
}

void
store_abort(struct store *s)
{
    store_gather_clear(s);
    if (s->open) {
        mongoc_client_session_abort_transaction(s->session, NULL);
        s->doubtful |= store_left(s, 1) == 0; /* there was no time left for the reply */
    }
    s->open = false;
    if (s->doubtful)
        store_end_session(s);
}
