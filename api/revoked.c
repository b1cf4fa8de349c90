/*
 * A hash set of ids with the time they were heard of; old ones are dropped when
 * no access token can be left.
 */
#include "api/revoked.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/store.h"
#include "common/token.h"

#define POLL_MS   250
#define OVERLAP   5000 /* ms: clocks differ, commits take their time */
#define KEEP_MS   ((TOKEN_SECONDS + 60) * 1000)
#define SETS      2    /* the older is dropped when the younger has lived KEEP_MS */

struct set {
    bson_oid_t *ids; /* open addressing; a zero id is an empty place */
    size_t size, used;
    int64_t since;
};

struct revoked {
    struct store_pool *pool;
    pthread_rwlock_t lock;
    struct set sets[SETS]; /* the younger first */
    int64_t asked;
};

static const bson_oid_t none;

static size_t
place(const struct set *s, const bson_oid_t *id)
{
    size_t at = bson_oid_hash(id) & (s->size - 1);

    while (!bson_oid_equal(&s->ids[at], &none) && !bson_oid_equal(&s->ids[at], id))
        at = (at + 1) & (s->size - 1);
    return at;
}

static void
set_open(struct set *s, size_t size)
{
    s->ids = calloc(size, sizeof(*s->ids));
    if (s->ids == NULL)
        abort();
    s->size = size;
    s->used = 0;
}

static void
set_add(struct set *s, const bson_oid_t *id)
{
    size_t at;

    if (s->used * 2 >= s->size) {
        struct set old = *s;

        set_open(s, old.size * 2);
        for (size_t i = 0; i < old.size; i++)
            if (!bson_oid_equal(&old.ids[i], &none))
                set_add(s, &old.ids[i]);
        free(old.ids);
    }
    at = place(s, id);
    if (bson_oid_equal(&s->ids[at], &none)) {
        s->ids[at] = *id;
        s->used++;
    }
}

bool
revoked_has(struct revoked *r, const bson_oid_t *session)
{
    bool has = false;

    pthread_rwlock_rdlock(&r->lock);
    for (int i = 0; i < SETS && !has; i++)
        has = bson_oid_equal(&r->sets[i].ids[place(&r->sets[i], session)], session);
    pthread_rwlock_unlock(&r->lock);
    return has;
}

void
revoked_add(struct revoked *r, const bson_oid_t *session)
{
    int64_t now = clock_now();

    pthread_rwlock_wrlock(&r->lock);
    if (now - r->sets[0].since > KEEP_MS) {
        free(r->sets[1].ids);
        r->sets[1] = r->sets[0];
        set_open(&r->sets[0], 64);
        r->sets[0].since = now;
    }
    set_add(&r->sets[0], session);
    pthread_rwlock_unlock(&r->lock);
}

static enum err
hear(void *arg, const bson_t *doc)
{
    bson_iter_t iter;

    if (bson_iter_init_find(&iter, doc, "_id") && BSON_ITER_HOLDS_OID(&iter)) {
        const bson_oid_t *id = bson_iter_oid(&iter);

        if (!revoked_has(arg, id))
            revoked_add(arg, id);
    }
    return ERR_NONE;
}

static void
ask(struct revoked *r, struct store *store)
{
    int64_t now = clock_now();
    bson_t *filter = BCON_NEW("revokedAt", "{", "$gte", BCON_DATE_TIME(r->asked), "}");
    bson_t *opts = BCON_NEW("projection", "{", "_id", BCON_BOOL(true), "}");

    if (store_find(store, STORE_SESSIONS, filter, opts, hear, r) == ERR_NONE)
        r->asked = now - OVERLAP;
    bson_destroy(filter);
    bson_destroy(opts);
}

static void *
watch(void *arg)
{
    struct revoked *r = arg;
    struct store *store = store_take(r->pool);

    if (store == NULL)
        abort(); /* the pool has a place for us */
    for (;;) {
        ask(r, store);
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
    return NULL;
}

struct revoked *
revoked_open(struct store_pool *pool)
{
    struct revoked *r = calloc(1, sizeof(*r));
    struct store *store = store_take(pool);
    pthread_t thread;

    if (r == NULL || store == NULL)
        abort();
    r->pool = pool;
    r->asked = clock_now() - KEEP_MS;
    pthread_rwlock_init(&r->lock, NULL);
    for (int i = 0; i < SETS; i++) {
        set_open(&r->sets[i], 64);
        r->sets[i].since = clock_now();
    }
    ask(r, store); /* before the first request */
    store_give(store);
    if (pthread_create(&thread, NULL, watch, r) != 0)
        abort();
    pthread_detach(thread);
    return r;
}
