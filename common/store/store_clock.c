/*
 * Sends a hello at intervals: its reply contains the server's time.  Half the round trip is the
 * largest possible error, which clock_adjust() takes into account.  The same thread ends
 * transactions whose stores could not end them (store_transaction.c).
 */
#include "common/store/store_clock.h"

#include <mongoc/mongoc.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/must.h"
#include "common/log.h"
#include "common/store/store_inside.h"
#include "common/store/store_stream.h"
#include "common/time/clock.h"

#define PERIOD_MS 2000
#define RETRY_MS  250 /* while there is no reply: a new primary may have a different time */

struct store_clock {
    struct store_pool *pool;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool stop;
};

static enum err
ask(struct store_pool *pool)
{
    mongoc_client_t *client = store_stream_pop(pool->pool);
    bson_t *hello = BCON_NEW("hello", BCON_INT32(1)), reply;
    int64_t before = clock_steady(), after;
    bson_error_t error;
    bson_iter_t iter;
    enum err err = ERR_STORE;

    if (client == NULL) {
        bson_destroy(hello);
        return ERR_STORE;
    }
    if (!mongoc_client_command_simple(client, "admin", hello, NULL, &reply, &error)) {
        log_debug("store: cannot read the server's time: %s", error.message);
    } else if (bson_iter_init_find(&iter, &reply, "localTime") &&
               BSON_ITER_HOLDS_DATE_TIME(&iter)) {
        after = clock_steady();
        clock_adjust(bson_iter_date_time(&iter), before, after);
        err = ERR_NONE;
    }
    bson_destroy(hello);
    bson_destroy(&reply);
    if (err == ERR_NONE)
        store_end_doubts(pool, client);
    mongoc_client_pool_push(pool->pool, client);
    return err;
}

/* True when the thread must stop. */
static bool
pause_for(struct store_clock *c, long ms)
{
    struct timespec until = clock_in(ms);
    bool stop;

    pthread_mutex_lock(&c->lock);
    while (!c->stop && pthread_cond_timedwait(&c->stopped, &c->lock, &until) == 0) {
    }
    stop = c->stop;
    pthread_mutex_unlock(&c->lock);
    return stop;
}

static void *
keep_asking(void *arg)
{
    struct store_clock *c = arg;
    long wait = PERIOD_MS;

    while (!pause_for(c, wait))
        wait = ask(c->pool) == ERR_NONE ? PERIOD_MS : RETRY_MS;
    return NULL;
}

enum err
store_clock_start(struct store_pool *pool)
{
    struct store_clock *c;
    enum err err = ask(pool);

    if (err != ERR_NONE)
        return err;
    c = must_alloc(1, sizeof(*c));
    c->pool = pool;
    pthread_mutex_init(&c->lock, NULL);
    clock_cond_init(&c->stopped);
    c->thread = must_thread(keep_asking, c);
    pool->clock = c;
    return ERR_NONE;
}

void
store_clock_stop(struct store_pool *pool)
{
    struct store_clock *c = pool->clock;

    if (c == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_signal(&c->stopped);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    pthread_cond_destroy(&c->stopped);
    pthread_mutex_destroy(&c->lock);
    free(c);
    pool->clock = NULL;
}
