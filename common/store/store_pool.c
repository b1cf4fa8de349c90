/*
 * Pools of connections, and the store that a thread takes from one.
 */
#include "common/store/store.h"

#include <stdlib.h>

#include "common/base/must.h"
#include "common/log.h"
#include "common/store/store_clock.h"
#include "common/store/store_connect.h"
#include "common/store/store_gather.h"
#include "common/store/store_inside.h"
#include "common/store/store_stream.h"
#include "common/text/text.h"

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
    [STORE_ATTACHMENTS] = "attachments",
    [STORE_FILES] = "fs.files",
    [STORE_CHUNKS] = "fs.chunks",
    [STORE_UPLOADS] = "uploads",
    [STORE_FILTERS] = "filters",
    [STORE_LINKS] = "links",
    [STORE_SUBSCRIPTIONS] = "subscriptions",
    [STORE_USER_JOBS] = "userJobs",
};

static void
quiet(mongoc_log_level_t level, const char *domain, const char *message, void *arg)
{
    (void)arg;
    if (level <= MONGOC_LOG_LEVEL_WARNING)
        log_debug("store: %s: %s", domain, message);
}

/* Creating a pool makes the SRV query at once; without one only the URI can be wrong. */
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
        must_not_happen("store: the error API cannot be chosen");
    *out = must_alloc(1, sizeof(**out));
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
    struct store *s = must_alloc(1, sizeof(*s));

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
    store_gather_free(s);
    store_end_session(s);
    leave_list(s);
    for (int i = 0; i < STORE__COUNT; i++)
        mongoc_collection_destroy(s->collections[i]);
    mongoc_transaction_opts_destroy(s->transaction);
    mongoc_client_pool_push(s->pool->pool, s->client);
    free(s);
}
