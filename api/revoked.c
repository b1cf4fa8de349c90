/*
 * Three tables take turns: one is written, the one before is still read, the
 * next is emptied.  No locks, so that a worker that dies holds none.
 */
#include "api/revoked.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/store.h"
#include "common/token.h"

#define POLL_MS 250
#define OVERLAP 5000                          /* ms: clocks differ, commits take their time */
#define KEEP_MS ((TOKEN_SECONDS + 60) * 1000) /* a turn: after it no access token is left */
#define SLOTS   (1u << 18)                    /* revocations of a turn, twice over */
#define PROBES  128
#define TABLES  3

struct revoked {
    atomic_llong emptied; /* the newest turn whose table was emptied */
    atomic_ullong tables[TABLES][SLOTS];
};

struct watch {
    struct revoked *revoked;
    struct store_pool *pool;
    int64_t asked;
};

/* FNV-1a over the id; 0 is an empty slot.  Two ids meet once in 2^64 pairs. */
static unsigned long long
key_of(const bson_oid_t *id)
{
    unsigned long long h = 14695981039346656037ull;

    for (int i = 0; i < 12; i++)
        h = (h ^ id->bytes[i]) * 1099511628211ull;
    return h == 0 ? 1 : h;
}

static int64_t
turn(void)
{
    return clock_now() / KEEP_MS;
}

static bool
table_has(atomic_ullong *table, unsigned long long key)
{
    for (unsigned i = 0; i < PROBES; i++) {
        unsigned long long found = atomic_load(&table[(key + i) % SLOTS]);

        if (found == key || found == 0)
            return found == key;
    }
    return false;
}

bool
revoked_has(struct revoked *r, const bson_oid_t *session)
{
    unsigned long long key = key_of(session);
    int64_t now = turn();

    return table_has(r->tables[now % TABLES], key) || table_has(r->tables[(now + 2) % TABLES], key);
}

void
revoked_add(struct revoked *r, const bson_oid_t *session)
{
    unsigned long long key = key_of(session);
    atomic_ullong *table = r->tables[turn() % TABLES];

    for (unsigned i = 0; i < PROBES; i++) {
        unsigned long long empty = 0;

        if (atomic_compare_exchange_strong(&table[(key + i) % SLOTS], &empty, key) || empty == key)
            return;
    }
    log_error("revoked: the table is full; a session lives until its token expires");
}

/* Empties the table of the turn to come, once. */
static void
prepare_next(struct revoked *r)
{
    long long next = turn() + 1, emptied = atomic_load(&r->emptied);

    if (emptied < next && atomic_compare_exchange_strong(&r->emptied, &emptied, next))
        for (unsigned i = 0; i < SLOTS; i++)
            atomic_store_explicit(&r->tables[next % TABLES][i], 0, memory_order_relaxed);
}

static enum err
hear(void *arg, const bson_t *doc)
{
    bson_iter_t iter;

    if (bson_iter_init_find(&iter, doc, "_id") && BSON_ITER_HOLDS_OID(&iter) &&
        !revoked_has(arg, bson_iter_oid(&iter)))
        revoked_add(arg, bson_iter_oid(&iter));
    return ERR_NONE;
}

static void
ask(struct watch *w, struct store *store)
{
    int64_t now = clock_now();
    bson_t *filter = BCON_NEW("revokedAt", "{", "$gte", BCON_DATE_TIME(w->asked), "}");
    bson_t *opts = BCON_NEW("projection", "{", "_id", BCON_BOOL(true), "}");

    if (store_find(store, STORE_SESSIONS, filter, opts, hear, w->revoked) == ERR_NONE)
        w->asked = now - OVERLAP;
    bson_destroy(filter);
    bson_destroy(opts);
}

static void *
watch(void *arg)
{
    struct watch *w = arg;
    struct store *store = store_take(w->pool);

    if (store == NULL)
        abort(); /* the pool has a place for us */
    for (;;) {
        ask(w, store);
        prepare_next(w->revoked);
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
    return NULL;
}

struct revoked *
revoked_new(void)
{
    struct revoked *r =
        mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (r == MAP_FAILED)
        abort();
    atomic_store(&r->emptied, turn() + 1);
    return r;
}

void
revoked_watch(struct revoked *r, struct store_pool *pool)
{
    struct watch *w = calloc(1, sizeof(*w));
    struct store *store = store_take(pool);
    pthread_t thread;

    if (w == NULL || store == NULL)
        abort();
    *w = (struct watch){r, pool, clock_now() - KEEP_MS};
    ask(w, store); /* before the first request */
    store_give(store);
    if (pthread_create(&thread, NULL, watch, w) != 0)
        abort();
    pthread_detach(thread);
}
