/*
 * A fixed number of lines; names whose hashes share a line simply wait for each other.  A writer
 * takes its lines in ascending order, so that there is no deadlock.  The first in a process's line
 * then takes the host's lock of that line: a robust mutex in shared memory, which passes to the
 * next process if its holder dies.
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

#define QUEUE_MAX 512 /* writers in one line; more than threads in a process */

struct waiter {
    struct waiter *next;
    pthread_cond_t called;
    bool turn;   /* the waiter has the line */
    void *rider; /* NULL: none */
    bool riding; /* another writer is doing the rider's job, */
    bool served; /* the rider's job is done */
};

static struct line {
    pthread_mutex_t lock;
    bool taken;
    int length;
    struct waiter *first, **last;
    struct waiter *riding; /* taken out of the queue by topic_lock_riders() */
} lines[TOPIC_LOCK_LINES];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t *shared; /* TOPIC_LOCK_LINES of them; NULL: not shared between processes */

static void
make_lines(void)
{
    for (int i = 0; i < TOPIC_LOCK_LINES; i++) {
        pthread_mutex_init(&lines[i].lock, NULL);
        lines[i].last = &lines[i].first;
    }
}

void
topic_lock_share(void)
{
    pthread_mutexattr_t attr;

    shared = must_share(TOPIC_LOCK_LINES * sizeof(*shared));
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    for (int i = 0; i < TOPIC_LOCK_LINES; i++)
        pthread_mutex_init(&shared[i], &attr);
    pthread_mutexattr_destroy(&attr);
}

static enum err
lock_shared(int line, const struct timespec *until)
{
    int rc = shared == NULL ? 0 : pthread_mutex_clocklock(&shared[line], CLOCK_MONOTONIC, until);

    if (rc == EOWNERDEAD) /* the database aborts what it was writing */
        rc = pthread_mutex_consistent(&shared[line]);
    return rc == 0 ? ERR_NONE : ERR_BUSY;
}

uint64_t
topic_lock_hash(const char *name)
{
    uint64_t h = hash_text(name);

    return h == 0 ? 1 : h;
}

static void
leave(struct line *l, struct waiter *w)
{
    for (struct waiter **at = &l->first; *at != NULL; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            if (l->last == &w->next)
                l->last = at;
            l->length--;
            return;
        }
    }
}

static void
await_call(struct line *l, struct waiter *me, const struct timespec *until)
{
    bool late = false;

    while (!me->turn && !me->served && (!late || me->riding)) {
        if (me->riding) /* until it is done: the writer that does it has its own deadline */
            pthread_cond_wait(&me->called, &l->lock);
        else
            late = pthread_cond_timedwait(&me->called, &l->lock, until) == ETIMEDOUT;
    }
}

/* Waits in a line until the caller has it or its rider was served. */
static enum err
queue(struct line *l, struct waiter *me, const struct timespec *until)
{
    pthread_condattr_t steady;

    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&me->called, &steady);
    pthread_condattr_destroy(&steady);
    *l->last = me;
    l->last = &me->next;
    l->length++;
    await_call(l, me, until);
    if (!me->turn && !me->served)
        leave(l, me);
    pthread_cond_destroy(&me->called);
    return me->turn || me->served ? ERR_NONE : ERR_BUSY;
}

static enum err
enter(struct line *l, const struct timespec *until, void *rider, bool *served)
{
    struct waiter me = {.rider = rider};
    enum err err = ERR_NONE;

    pthread_mutex_lock(&l->lock);
    if (!l->taken)
        l->taken = true;
    else if (l->length >= QUEUE_MAX)
        err = ERR_BUSY;
    else
        err = queue(l, &me, until);
    pthread_mutex_unlock(&l->lock);
    *served = me.served;
    return err;
}

/* Passes the line to the next writer and marks it as taken. */
static void
give(struct line *l)
{
    pthread_mutex_lock(&l->lock);
    if (l->first == NULL) {
        l->taken = false;
    } else {
        struct waiter *next = l->first;

        leave(l, next);
        next->turn = true;
        pthread_cond_signal(&next->called);
    }
    pthread_mutex_unlock(&l->lock);
}

/* Inserts a line in ascending order, unless it is there. */
static void
add(int *sorted, int *count, int line)
{
    int i = *count;

    for (int k = 0; k < *count; k++)
        if (sorted[k] == line)
            return;
    for (; i > 0 && sorted[i - 1] > line; i--)
        sorted[i] = sorted[i - 1];
    sorted[i] = line;
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

/* Takes one more line, in this process and then on the host. */
static enum err
take_line(struct topic_lock *lock, int line, const struct timespec *until, void *rider,
          bool *served)
{
    enum err err = enter(&lines[line], until, rider, served);

    if (err != ERR_NONE || *served)
        return err;
    if ((err = lock_shared(line, until)) == ERR_NONE)
        lock->line[lock->count++] = line;
    else
        give(&lines[line]);
    return err;
}

enum err
topic_lock_take(struct topic_lock *lock, const char *const *names, int count, int wait_ms)
{
    struct timespec until = moment_in(wait_ms);
    int wanted[TOPIC_LOCK_MAX], n = 0;
    bool served;

    pthread_once(&once, make_lines);
    lock->count = 0;
    for (int i = 0; i < count && i < TOPIC_LOCK_MAX; i++)
        add(wanted, &n, (int)(topic_lock_hash(names[i]) % TOPIC_LOCK_LINES));
    for (int i = 0; i < n; i++) {
        enum err err = take_line(lock, wanted[i], &until, NULL, &served);

        if (err != ERR_NONE) {
            topic_lock_give(lock);
            return err;
        }
    }
    return ERR_NONE;
}

enum err
topic_lock_take_or_ride(struct topic_lock *lock, const char *name, int wait_ms, void *rider,
                        bool *served)
{
    struct timespec until = moment_in(wait_ms);

    pthread_once(&once, make_lines);
    lock->count = 0;
    return take_line(lock, (int)(topic_lock_hash(name) % TOPIC_LOCK_LINES), &until, rider, served);
}

void
topic_lock_give(struct topic_lock *lock)
{
    while (lock->count > 0) {
        int line = lock->line[--lock->count];

        if (shared != NULL)
            pthread_mutex_unlock(&shared[line]);
        give(&lines[line]);
    }
}

int
topic_lock_riders(const struct topic_lock *lock, void **riders, int most,
                  bool (*fits)(void *arg, void *rider), void *arg)
{
    struct line *l = &lines[lock->line[0]];
    struct waiter *w;
    int n = 0;

    if (lock->count != 1)
        return 0;
    pthread_mutex_lock(&l->lock);
    while (n < most && (w = l->first) != NULL && w->rider != NULL && fits(arg, w->rider)) {
        leave(l, w);
        w->riding = true;
        w->next = l->riding;
        l->riding = w;
        riders[n++] = w->rider;
    }
    pthread_mutex_unlock(&l->lock);
    return n;
}

void
topic_lock_served(int line, const void *rider)
{
    struct line *l = &lines[line];

    pthread_mutex_lock(&l->lock);
    for (struct waiter **at = &l->riding; *at != NULL; at = &(*at)->next) {
        struct waiter *w = *at;

        if (w->rider != rider)
            continue;
        *at = w->next;
        w->served = true;
        pthread_cond_signal(&w->called);
        break;
    }
    pthread_mutex_unlock(&l->lock);
}
