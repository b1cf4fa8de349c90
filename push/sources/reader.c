/*
 * Three queues to the threads, two urgent ones and one that is fair by user, and one back to the
 * loop, which an ev_async wakes.
 */
#include "push/sources/reader.h"

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "common/base/id.h"
#include "common/config.h"
#include "common/log.h"
#include "common/store/store.h"
#include "common/store/store_clock.h"
#include "common/time/clock.h"
#include "push/metrics.h"

/*
 * The first thread serves only hello, the second only what is urgent, the others everything.  So a
 * hello never waits for another query, and a live event never for a user's.
 */
#define THREADS 4

static struct {
    struct ev_loop *loop;
    ev_async wake;
    struct store_pool *pool;
    pthread_t threads[THREADS];
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct queue {
        struct job *first, **last;
    } urgent[2]; /* by enum urgency */
    struct fair asked;
    struct job *done, **done_last;
    atomic_bool stop;
    bool away;
    void (*on_away)(bool away);
} reader;

static struct job *
take_urgent(enum urgency urgency)
{
    struct queue *queue = &reader.urgent[urgency];
    struct job *job = queue->first;

    if (job != NULL && (queue->first = job->after) == NULL)
        queue->last = &queue->first;
    return job;
}

/*
 * Takes the next job for that thread, with the lock held.  NULL: there is none, and none will be
 * ready for *wait us (0: until one is added).
 */
static struct job *
next_job(int thread, int64_t *wait)
{
    struct job *job = take_urgent(URGENT_HELLO);
    int64_t now = clock_steady(), again = 0;

    *wait = 0;
    if (job == NULL && thread > 0)
        job = take_urgent(URGENT_LIVE);
    if (job != NULL || thread < 2)
        return job;
    job = (struct job *)fair_take(&reader.asked, reader.stop ? INT64_MAX : now, &again);
    if (job != NULL)
        fair_hold(&reader.asked, job->owner);
    else if (again > 0)
        *wait = again - now;
    return job;
}

static void
wait_for_more(int64_t us)
{
    struct timespec until;

    if (us == 0) {
        pthread_cond_wait(&reader.more, &reader.lock);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += us % 1000000 * 1000;
    until.tv_sec += us / 1000000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&reader.more, &reader.lock, &until);
}

/* Waits for a job for that thread; NULL: the threads are to end. */
static struct job *
take_job(int thread)
{
    struct job *job;
    int64_t wait;

    pthread_mutex_lock(&reader.lock);
    while ((job = next_job(thread, &wait)) == NULL && !reader.stop)
        wait_for_more(wait);
    pthread_mutex_unlock(&reader.lock);
    return job;
}

/* Hands a job to the loop, and lets its owner rest. */
static void
give_back(struct job *job, int64_t began)
{
    int64_t now = clock_steady();

    job->after = NULL;
    pthread_mutex_lock(&reader.lock);
    if (job->owned) {
        fair_release(&reader.asked, job->owner, now, now - began);
        pthread_cond_broadcast(&reader.more);
    }
    *reader.done_last = job;
    reader.done_last = &job->after;
    pthread_mutex_unlock(&reader.lock);
    ev_async_send(reader.loop, &reader.wake);
}

static enum err
do_job(struct job *job, struct store *store)
{
    if (job->cancelled)
        return ERR_NOT_FOUND;
    return store == NULL || reader.stop ? ERR_STORE : job->work(job, store);
}

/* A reader thread. */
static void *
work(void *arg)
{
    struct store *store = store_take(reader.pool);
    struct job *job;
    int thread = (int)(intptr_t)arg;

    while ((job = take_job(thread)) != NULL) {
        int64_t began = clock_steady();

        job->err = do_job(job, store);
        give_back(job, began);
    }
    store_give(store);
    return NULL;
}

/* Notes whether the database is available, and reports a change. */
static void
note_store(enum err err)
{
    bool away = err == ERR_STORE;

    if (away == reader.away || reader.stop)
        return;
    reader.away = away;
    log_warn("reader: the database is %s", away ? "unavailable" : "available again");
    if (reader.on_away != NULL)
        reader.on_away(away);
}

/* In the loop: calls done() for all jobs that threads have finished. */
static void
take_answers(struct ev_loop *loop, ev_async *w, int events)
{
    struct job *job, *after;

    (void)loop, (void)w, (void)events;
    pthread_mutex_lock(&reader.lock);
    job = reader.done;
    reader.done = NULL;
    reader.done_last = &reader.done;
    pthread_mutex_unlock(&reader.lock);
    for (; job != NULL; job = after) {
        after = job->after;
        metrics[METRIC_READS]++;
        /* A user's own query may be too much for the database and fail by itself. */
        if (!job->cancelled && (!job->owned || job->err == ERR_NONE))
            note_store(job->err);
        job->done(job);
    }
}

static enum err
check_schema(void)
{
    struct store *store = store_take(reader.pool);
    enum err err = store == NULL ? ERR_STORE : store_check(store);

    store_give(store);
    return err;
}

/*
 * Waits until the database has our schema and tells its time, by which tokens are judged; false: it
 * can never be used (logged).
 */
static bool
open_store(const struct config *config)
{
    enum err err;

    for (;;) {
        err = reader.pool != NULL ? ERR_NONE
                                  : store_pool_open(config->mongodb_uri, config->mongodb_database,
                                                    THREADS, &reader.pool);
        if (err == ERR_NONE)
            err = check_schema();
        if (err == ERR_NONE)
            err = store_clock_start(reader.pool);
        if (err == ERR_NONE || err == ERR_INVALID)
            return err == ERR_NONE;
        log_warn("reader: the database is not ready; trying again");
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    }
}

bool
reader_open(struct ev_loop *loop, const struct config *config)
{
    pthread_condattr_t attr;

    reader.loop = loop;
    for (int i = 0; i < 2; i++)
        reader.urgent[i].last = &reader.urgent[i].first;
    reader.done_last = &reader.done;
    if (!open_store(config))
        return false;
    pthread_mutex_init(&reader.lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&reader.more, &attr);
    pthread_condattr_destroy(&attr);
    ev_async_init(&reader.wake, take_answers);
    ev_async_start(loop, &reader.wake);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&reader.threads[i], NULL, work, (void *)(intptr_t)i) != 0)
            return false;
    return true;
}

void
reader_add_urgent(struct job *job, enum urgency urgency)
{
    struct queue *queue = &reader.urgent[urgency];

    job->after = NULL;
    pthread_mutex_lock(&reader.lock);
    *queue->last = job;
    queue->last = &job->after;
    pthread_cond_broadcast(&reader.more);
    pthread_mutex_unlock(&reader.lock);
}

void
reader_add(struct job *job, const unsigned char user[ID_BYTES])
{
    job->owned = true;
    memcpy(job->owner, user, ID_BYTES);
    pthread_mutex_lock(&reader.lock);
    fair_add(&reader.asked, job->owner, &job->item);
    pthread_cond_broadcast(&reader.more);
    pthread_mutex_unlock(&reader.lock);
}

void
reader_add_owner(struct job *job, const unsigned char user[ID_BYTES])
{
    if (memcmp(job->owner, user, ID_BYTES) == 0)
        return;
    pthread_mutex_lock(&reader.lock);
    if (job->item.owner != NULL) {
        fair_remove(&reader.asked, &job->item);
        memcpy(job->owner, user, ID_BYTES);
        fair_add(&reader.asked, job->owner, &job->item);
        pthread_cond_broadcast(&reader.more);
    }
    pthread_mutex_unlock(&reader.lock);
}

void
reader_cancel(struct job *job)
{
    job->cancelled = true;
}

bool
reader_store_unavailable(void)
{
    return reader.away;
}

bool
reader_is_closing(void)
{
    return reader.stop;
}

void
reader_on_away(void (*fn)(bool away))
{
    reader.on_away = fn;
}

void
reader_close(void)
{
    pthread_mutex_lock(&reader.lock);
    reader.stop = true;
    pthread_cond_broadcast(&reader.more);
    pthread_mutex_unlock(&reader.lock);
    for (int i = 0; i < THREADS; i++)
        pthread_join(reader.threads[i], NULL);
    take_answers(reader.loop, &reader.wake, 0);
    fair_free(&reader.asked);
    ev_async_stop(reader.loop, &reader.wake);
    store_pool_close(reader.pool);
}
