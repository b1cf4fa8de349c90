/*
 * A fixed number of stripes; names whose hashes share a stripe simply wait for each other.  A
 * writer takes its stripes in ascending order, so that there is no deadlock.  The first in a
 * process's stripe then takes the host's lock of that stripe: a robust mutex in shared memory,
 * which passes to the next process if its holder dies.
 */
#include "common/topics/topic_lock.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/hash.h"
#include "common/base/must.h"

#define QUEUE_MAX 512 /* writers in one stripe; more than threads in a process */

struct waiter {
    struct waiter *next;
    pthread_cond_t called;
    bool holds;      /* the waiter has the stripe */
    void *job;       /* which it delegates; NULL: none */
    bool taken_over; /* another writer is doing the waiter's job, */
    bool done;       /* the waiter's job is done */
};

static struct stripe {
    pthread_mutex_t lock;
    bool taken;
    int length;
    struct waiter *first, **last;
    struct waiter *taken_over; /* taken out of the queue by topic_lock_delegated() */
} stripes[TOPIC_LOCK_STRIPES];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t *shared; /* TOPIC_LOCK_STRIPES of them; NULL: not shared between processes */

static void
make_stripes(void)
{
    for (int i = 0; i < TOPIC_LOCK_STRIPES; i++) {
        pthread_mutex_init(&stripes[i].lock, NULL);
        stripes[i].last = &stripes[i].first;
    }
}

void
topic_lock_share(void)
{
    pthread_mutexattr_t attr;

    shared = must_share(TOPIC_LOCK_STRIPES * sizeof(*shared));
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    for (int i = 0; i < TOPIC_LOCK_STRIPES; i++)
        pthread_mutex_init(&shared[i], &attr);
    pthread_mutexattr_destroy(&attr);
}

static enum err
lock_shared(int stripe, const struct timespec *until)
{
    int rc = shared == NULL ? 0 : pthread_mutex_clocklock(&shared[stripe], CLOCK_MONOTONIC, until);

    if (rc == EOWNERDEAD) /* the database aborts what it was writing */
        rc = pthread_mutex_consistent(&shared[stripe]);
    return rc == 0 ? ERR_NONE : ERR_BUSY;
}

uint64_t
topic_lock_hash(const char *name)
{
    uint64_t h = hash_text(name);

    return h == 0 ? 1 : h;
}

static void
leave(struct stripe *s, struct waiter *w)
{
    for (struct waiter **at = &s->first; *at != NULL; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            if (s->last == &w->next)
                s->last = at;
            s->length--;
            return;
        }
    }
}

static void
await_call(struct stripe *s, struct waiter *me, const struct timespec *until)
{
    bool late = false;

    while (!me->holds && !me->done && (!late || me->taken_over)) {
        if (me->taken_over) /* until it is done: the writer that does it has its own deadline */
            pthread_cond_wait(&me->called, &s->lock);
        else
            late = pthread_cond_timedwait(&me->called, &s->lock, until) == ETIMEDOUT;
    }
}

/* Waits in a stripe until the caller has it or its job was done. */
static enum err
queue(struct stripe *s, struct waiter *me, const struct timespec *until)
{
    pthread_condattr_t steady;

    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&me->called, &steady);
    pthread_condattr_destroy(&steady);
    *s->last = me;
    s->last = &me->next;
    s->length++;
    await_call(s, me, until);
    if (!me->holds && !me->done)
        leave(s, me);
    pthread_cond_destroy(&me->called);
    return me->holds || me->done ? ERR_NONE : ERR_BUSY;
}

static enum err
enter(struct stripe *s, const struct timespec *until, void *job, bool *done)
{
    struct waiter me = {.job = job};
    enum err err = ERR_NONE;

    pthread_mutex_lock(&s->lock);
    if (!s->taken)
        s->taken = true;
    else if (s->length >= QUEUE_MAX)
        err = ERR_BUSY;
    else
        err = queue(s, &me, until);
    pthread_mutex_unlock(&s->lock);
    *done = me.done;
    return err;
}

/* Passes the stripe to the next writer and marks it as taken. */
static void
give(struct stripe *s)
{
    pthread_mutex_lock(&s->lock);
    if (s->first == NULL) {
        s->taken = false;
    } else {
        struct waiter *next = s->first;

        leave(s, next);
        next->holds = true;
        pthread_cond_signal(&next->called);
    }
    pthread_mutex_unlock(&s->lock);
}

/* Inserts a stripe in ascending order, unless it is there. */
static void
add(int *sorted, int *count, int stripe)
{
    int i = *count;

    for (int k = 0; k < *count; k++)
        if (sorted[k] == stripe)
            return;
    for (; i > 0 && sorted[i - 1] > stripe; i--)
        sorted[i] = sorted[i - 1];
    sorted[i] = stripe;
    (*count)++;
}

static struct timespec
moment_in(int ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    return t;
}

/* Takes one more stripe, in this process and then on the host. */
static enum err
take_stripe(struct topic_lock *lock, int stripe, const struct timespec *until, void *job,
            bool *done)
{
    enum err err = enter(&stripes[stripe], until, job, done);

    if (err != ERR_NONE || *done)
        return err;
    if ((err = lock_shared(stripe, until)) == ERR_NONE)
        lock->stripe[lock->count++] = stripe;
    else
        give(&stripes[stripe]);
    return err;
}

enum err
topic_lock_take(struct topic_lock *lock, const char *const *names, int count, int wait_ms)
{
    struct timespec until = moment_in(wait_ms);
    int wanted[TOPIC_LOCK_MAX], n = 0;
    bool done;

    pthread_once(&once, make_stripes);
    lock->count = 0;
    for (int i = 0; i < count && i < TOPIC_LOCK_MAX; i++)
        add(wanted, &n, (int)(topic_lock_hash(names[i]) % TOPIC_LOCK_STRIPES));
    for (int i = 0; i < n; i++) {
        enum err err = take_stripe(lock, wanted[i], &until, NULL, &done);

        if (err != ERR_NONE) {
            topic_lock_give(lock);
            return err;
        }
    }
    return ERR_NONE;
}

enum err
topic_lock_take_or_delegate(struct topic_lock *lock, const char *name, int wait_ms, void *job,
                            bool *done)
{
    struct timespec until = moment_in(wait_ms);

    pthread_once(&once, make_stripes);
    lock->count = 0;
    return take_stripe(lock, (int)(topic_lock_hash(name) % TOPIC_LOCK_STRIPES), &until, job, done);
}

void
topic_lock_give(struct topic_lock *lock)
{
    while (lock->count > 0) {
        int stripe = lock->stripe[--lock->count];

        if (shared != NULL)
            pthread_mutex_unlock(&shared[stripe]);
        give(&stripes[stripe]);
    }
}

int
topic_lock_delegated(const struct topic_lock *lock, void **jobs, int most,
                     bool (*fits)(void *arg, void *job), void *arg)
{
    struct stripe *s = &stripes[lock->stripe[0]];
    struct waiter *w;
    int n = 0;

    if (lock->count != 1)
        return 0;
    pthread_mutex_lock(&s->lock);
    while (n < most && (w = s->first) != NULL && w->job != NULL && fits(arg, w->job)) {
        leave(s, w);
        w->taken_over = true;
        w->next = s->taken_over;
        s->taken_over = w;
        jobs[n++] = w->job;
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* Finds the waiter of a job that was taken over, and unlinks it; with the stripe's lock. */
static struct waiter *
unlink_taken_over(struct stripe *s, const void *job)
{
    for (struct waiter **at = &s->taken_over; *at != NULL; at = &(*at)->next) {
        struct waiter *w = *at;

        if (w->job != job)
            continue;
        *at = w->next;
        return w;
    }
    return NULL;
}

void
topic_lock_job_done(int stripe, const void *job)
{
    struct stripe *s = &stripes[stripe];
    struct waiter *w;

    pthread_mutex_lock(&s->lock);
    if ((w = unlink_taken_over(s, job)) != NULL) {
        w->done = true;
        pthread_cond_signal(&w->called);
    }
    pthread_mutex_unlock(&s->lock);
}

void
topic_lock_job_returned(int stripe, const void *job)
{
    struct stripe *s = &stripes[stripe];
    struct waiter *w;

    pthread_mutex_lock(&s->lock);
    if ((w = unlink_taken_over(s, job)) != NULL) {
        w->taken_over = false;
        if ((w->next = s->first) == NULL)
            s->last = &w->next;
        s->first = w;
        s->length++;
        pthread_cond_signal(&w->called); /* its time limit counts again */
    }
    pthread_mutex_unlock(&s->lock);
}
