/*
 * A queue to the threads and one back; the loop is woken by an ev_async.
 */
#include "push/reader.h"

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "common/config.h"
#include "common/log.h"
#include "common/store.h"

#define THREADS 2 /* one may hang in a slow page while the other serves what is live */

static struct {
    struct ev_loop *loop;
    ev_async wake;
    struct store_pool *pool;
    pthread_t threads[THREADS];
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct job *first, **last; /* to do */
    struct job *done, **done_last;
    atomic_bool stop;
    bool away;
    void (*on_away)(bool away);
} reader;

static struct job *
take_job(void)
{
    struct job *job;

    pthread_mutex_lock(&reader.lock);
    while (reader.first == NULL && !reader.stop)
        pthread_cond_wait(&reader.more, &reader.lock);
    job = reader.first;
    if (job != NULL && (reader.first = job->after) == NULL)
        reader.last = &reader.first;
    pthread_mutex_unlock(&reader.lock);
    return job;
}

static void
give_back(struct job *job)
{
    job->after = NULL;
    pthread_mutex_lock(&reader.lock);
    *reader.done_last = job;
    reader.done_last = &job->after;
    pthread_mutex_unlock(&reader.lock);
    ev_async_send(reader.loop, &reader.wake);
}

static void *
work(void *arg)
{
    struct store *store = store_take(reader.pool);
    struct job *job;

    (void)arg;
    while ((job = take_job()) != NULL) {
        job->err = store == NULL || reader.stop ? ERR_STORE : job->work(job, store);
        give_back(job);
    }
    store_give(store);
    return NULL;
}

static void
judge_store(enum err err)
{
    bool away = err == ERR_STORE;

    if (away == reader.away || reader.stop)
        return;
    reader.away = away;
    log_warn("reader: the database %s", away ? "is away" : "is back");
    if (reader.on_away != NULL)
        reader.on_away(away);
}

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
        judge_store(job->err);
        job->done(job);
    }
}

bool
reader_open(struct ev_loop *loop, const struct config *config)
{
    reader.loop = loop;
    reader.last = &reader.first;
    reader.done_last = &reader.done;
    reader.pool = store_pool_open(config->mongodb_uri, config->mongodb_database, THREADS);
    if (reader.pool == NULL)
        return false;
    pthread_mutex_init(&reader.lock, NULL);
    pthread_cond_init(&reader.more, NULL);
    ev_async_init(&reader.wake, take_answers);
    ev_async_start(loop, &reader.wake);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&reader.threads[i], NULL, work, NULL) != 0)
            return false;
    return true;
}

void
reader_add(struct job *job)
{
    job->after = NULL;
    pthread_mutex_lock(&reader.lock);
    *reader.last = job;
    reader.last = &job->after;
    pthread_cond_signal(&reader.more);
    pthread_mutex_unlock(&reader.lock);
}

void
reader_add_first(struct job *job)
{
    pthread_mutex_lock(&reader.lock);
    job->after = reader.first;
    reader.first = job;
    if (job->after == NULL)
        reader.last = &job->after;
    pthread_cond_signal(&reader.more);
    pthread_mutex_unlock(&reader.lock);
}

bool
reader_store_away(void)
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
    ev_async_stop(reader.loop, &reader.wake);
    store_pool_close(reader.pool);
}
