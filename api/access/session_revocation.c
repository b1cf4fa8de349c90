/*
 * A set of facts, each stored as a hash: "session S has ended", "generation G of user U has ended",
 * "session S outlives generation G".  Three tables are used in rotation: one is written, the
 * previous one is still read, the next one is emptied.  There are no locks, so that a worker that
 * dies cannot leave one locked.
 */
#include "api/access/session_revocation.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/hash.h"
#include "common/base/must.h"
#include "common/change/revocation.h"
#include "common/log.h"
#include "common/secrets/token.h"
#include "common/store/store.h"
#include "common/text/text.h"
#include "common/time/clock.h"

#define POLL_MS     250
#define PERIOD_US   ((TOKEN_SECONDS + 60) * 1000000LL) /* no access token lives longer */
#define SLOTS       (1u << 18)                         /* twice the entries of one period */
#define PROBES      128
#define TABLES      3
#define GENERATIONS 64 /* which a kept session can outlive in one */

enum fact { SESSION_ENDED = 1, GENERATION_ENDED, SESSION_KEPT };

struct session_revocation {
    atomic_llong emptied; /* the newest period whose table was emptied */
    atomic_bool known;
    unsigned long long seed;
    atomic_ullong tables[TABLES][SLOTS];
};

struct watch {
    struct session_revocation *revocation;
    struct store_pool *pool;
    struct revocation_reader reader;
};

/*
 * A fact's hash, with a secret start; 0 is an empty slot.  Two facts collide with a probability of
 * 2^-64.
 */
static unsigned long long
key_of(const struct session_revocation *r, enum fact fact, const bson_oid_t *id, int64_t generation)
{
    int64_t number = fact;
    uint64_t h = hash_fnv(r->seed, &number, sizeof(number));

    h = hash_fnv(h, id->bytes, sizeof(id->bytes));
    h = hash_fnv(h, &generation, sizeof(generation));
    return h == 0 ? 1 : h;
}

/* The period by a clock that all processes of a host share and that is never adjusted. */
static int64_t
period(void)
{
    return clock_steady() / PERIOD_US;
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

static bool
has(struct session_revocation *r, enum fact fact, const bson_oid_t *id, int64_t generation)
{
    unsigned long long key = key_of(r, fact, id, generation);
    int64_t now = period();

    return table_has(r->tables[now % TABLES], key) || table_has(r->tables[(now + 2) % TABLES], key);
}

bool
session_revocation_has(struct session_revocation *r, const struct session_revocation_token *token)
{
    int64_t generation = token->generation;

    if (has(r, SESSION_ENDED, token->session, 0))
        return true;
    /* A session that was kept when its generation ended belongs to the next one. */
    for (int i = 0; i < GENERATIONS; i++, generation++) {
        if (!has(r, GENERATION_ENDED, token->user, generation))
            return false;
        if (!has(r, SESSION_KEPT, token->session, generation))
            return true;
    }
    return true;
}

static void
add(struct session_revocation *r, enum fact fact, const bson_oid_t *id, int64_t generation)
{
    unsigned long long key = key_of(r, fact, id, generation);
    atomic_ullong *table = r->tables[period() % TABLES];

    for (unsigned i = 0; i < PROBES; i++) {
        unsigned long long empty = 0;

        if (atomic_compare_exchange_strong(&table[(key + i) % SLOTS], &empty, key) || empty == key)
            return;
    }
    log_error("session revocation: the table is full; an ended session stays valid until its token "
              "expires");
}

void
session_revocation_add(struct session_revocation *r, const struct revocation *entry)
{
    static const bson_oid_t none;

    if (entry->kind == REVOKED_SESSION) {
        add(r, SESSION_ENDED, &entry->session, 0);
        return;
    }
    if (!bson_oid_equal(&entry->session, &none)) /* first, so that it never looks ended */
        add(r, SESSION_KEPT, &entry->session, entry->generation);
    add(r, GENERATION_ENDED, &entry->user, entry->generation);
}

void
session_revocation_read(struct session_revocation *r)
{
    atomic_store(&r->known, true);
}

bool
session_revocation_known(struct session_revocation *r)
{
    return atomic_load(&r->known);
}

/* Empties the table of the next period, once. */
static void
prepare_next(struct session_revocation *r)
{
    long long next = period() + 1, emptied = atomic_load(&r->emptied);

    if (emptied < next && atomic_compare_exchange_strong(&r->emptied, &emptied, next))
        for (unsigned i = 0; i < SLOTS; i++)
            atomic_store_explicit(&r->tables[next % TABLES][i], 0, memory_order_relaxed);
}

static void
add_entry(void *arg, const struct revocation *entry)
{
    session_revocation_add(arg, entry);
}

static void
ask(struct watch *w, struct store *store)
{
    if (revocation_read(store, &w->reader, add_entry, w->revocation) == ERR_NONE)
        session_revocation_read(w->revocation);
}

static void *
watch(void *arg)
{
    struct watch *w = arg;
    struct store *store = store_take(w->pool);

    if (store == NULL)
        must_not_happen("revoked: the pool has no connection left for a thread");
    for (;;) {
        ask(w, store);
        prepare_next(w->revocation);
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
    return NULL;
}

struct session_revocation *
session_revocation_new(void)
{
    struct session_revocation *r = must_share(sizeof(*r));

    text_random((unsigned char *)&r->seed, sizeof(r->seed));
    atomic_store(&r->emptied, period() + 1);
    return r;
}

void
session_revocation_watch(struct session_revocation *r, struct store_pool *pool)
{
    struct watch *w = must_alloc(1, sizeof(*w));
    struct store *store = store_take(pool);

    if (store == NULL)
        must_not_happen("revoked: the pool has no connection left for a thread");
    *w = (struct watch){.revocation = r, .pool = pool};
    ask(w, store); /* before the first request */
    store_give(store);
    pthread_detach(must_thread(watch, w));
}
