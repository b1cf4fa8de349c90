/*
 * A fixed number of lines; names that share a line by hash just wait for each
 * other.  Lines are entered in rising order, so that nobody waits in a circle.
 * Who is first in a process's line then takes the host's gate of that line: a
 * robust mutex in shared memory, which a process that dies leaves to the next.
 */
#include "common/turns.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define QUEUE_MAX 512 /* waiting in one line; more than threads in a process */

struct waiter {
    struct waiter *next;
    pthread_cond_t called;
    bool turn;
};

static struct line {
    pthread_mutex_t lock;
    bool taken;
    int length;
    struct waiter *first, **last;
} lines[TURNS_LINES];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t *gates; /* TURNS_LINES of them; NULL: this process is alone */

static void
make_lines(void)
{
    for (int i = 0; i < TURNS_LINES; i++) {
        pthread_mutex_init(&lines[i].lock, NULL);
        lines[i].last = &lines[i].first;
    }
}

void
turns_share(void)
{
    pthread_mutexattr_t attr;

    gates = mmap(NULL, TURNS_LINES * sizeof(*gates), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (gates == MAP_FAILED)
        abort();
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    for (int i = 0; i < TURNS_LINES; i++)
        pthread_mutex_init(&gates[i], &attr);
    pthread_mutexattr_destroy(&attr);
}

static enum err
pass_gate(int line, const struct timespec *until)
{
    int rc = gates == NULL ? 0 : pthread_mutex_clocklock(&gates[line], CLOCK_MONOTONIC, until);

    if (rc == EOWNERDEAD) /* what it was writing is undone by the database */
        rc = pthread_mutex_consistent(&gates[line]);
    return rc == 0 ? ERR_NONE : ERR_BUSY;
}

uint64_t
turns_hash(const char *name)
{
    uint64_t h = 14695981039346656037ull; /* FNV-1a */

    for (; *name != '\0'; name++)
        h = (h ^ (uint8_t)*name) * 1099511628211ull;
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

static enum err
enter(struct line *l, const struct timespec *until)
{
    struct waiter me = {0};
    pthread_condattr_t steady;
    enum err err = ERR_NONE;

    pthread_mutex_lock(&l->lock);
    if (!l->taken || l->length >= QUEUE_MAX) {
        if (l->taken)
            err = ERR_BUSY;
        l->taken = true;
        pthread_mutex_unlock(&l->lock);
        return err;
    }
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&me.called, &steady);
    pthread_condattr_destroy(&steady);
    *l->last = &me;
    l->last = &me.next;
    l->length++;
    while (!me.turn && err == ERR_NONE)
        if (pthread_cond_timedwait(&me.called, &l->lock, until) == ETIMEDOUT && !me.turn)
            err = ERR_BUSY;
    if (!me.turn)
        leave(l, &me);
    pthread_mutex_unlock(&l->lock);
    pthread_cond_destroy(&me.called);
    return err;
}

/* Hands the line to the next, who finds it taken in his name. */
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

/* Adds a line in rising order, once. */
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

enum err
turns_take(struct turns *t, const char *const *names, int count, int wait_ms)
{
    int wanted[TURNS_MAX], n = 0;
    struct timespec until;

    pthread_once(&once, make_lines);
    t->count = 0;
    for (int i = 0; i < count && i < TURNS_MAX; i++)
        add(wanted, &n, (int)(turns_hash(names[i]) % TURNS_LINES));
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    for (int i = 0; i < n; i++) {
        enum err err = enter(&lines[wanted[i]], &until);

        if (err == ERR_NONE && (err = pass_gate(wanted[i], &until)) != ERR_NONE)
            give(&lines[wanted[i]]);
        if (err != ERR_NONE) {
            turns_give(t);
            return err;
        }
        t->line[t->count++] = wanted[i];
    }
    return ERR_NONE;
}

void
turns_give(struct turns *t)
{
    while (t->count > 0) {
        int line = t->line[--t->count];

        if (gates != NULL)
            pthread_mutex_unlock(&gates[line]);
        give(&lines[line]);
    }
}
