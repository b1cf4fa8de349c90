/*
 * libscrypt behind a fixed number of places in shared memory.  The places are
 * robust mutexes: a worker that dies while hashing frees its place.
 */
#include "common/password.h"

#include <errno.h>
#include <libscrypt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "common/log.h"

#define SLOTS_MAX   64
#define WAIT_S      5  /* for a place */
#define WAITING_MAX 12 /* threads of one process; with 32 threads the rest stay free */
#define R           8
#define P           3

static struct slots {
    long count;
    pthread_mutex_t places[SLOTS_MAX];
} *slots;
static long log2_n = 15;
static char nobody[PASSWORD_STORED]; /* what an unknown account is checked against */
static atomic_int waiting;

void
password_open(long cost, long count)
{
    pthread_mutexattr_t attr;

    log2_n = cost;
    slots = mmap(NULL, sizeof(*slots), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (slots == MAP_FAILED)
        abort();
    slots->count = count;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    for (long i = 0; i < count; i++)
        pthread_mutex_init(&slots->places[i], &attr);
    pthread_mutexattr_destroy(&attr);
    if (libscrypt_hash(nobody, "nobody's password", 1u << log2_n, R, P) <= 0)
        abort();
}

/* Took it, or took it over from the dead. */
static bool
taken(pthread_mutex_t *place, int rc)
{
    if (rc == EOWNERDEAD)
        pthread_mutex_consistent(place);
    return rc == 0 || rc == EOWNERDEAD;
}

static pthread_mutex_t *
enter(void)
{
    static atomic_uint next;
    pthread_mutex_t *place = NULL;
    struct timespec until;

    for (long i = 0; i < slots->count; i++)
        if (taken(&slots->places[i], pthread_mutex_trylock(&slots->places[i])))
            return &slots->places[i];
    if (atomic_fetch_add(&waiting, 1) < WAITING_MAX) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += WAIT_S;
        place = &slots->places[atomic_fetch_add(&next, 1) % (unsigned)slots->count];
        if (!taken(place, pthread_mutex_timedlock(place, &until)))
            place = NULL;
    }
    atomic_fetch_sub(&waiting, 1);
    return place;
}

enum err
password_hash(const char *password, char stored[PASSWORD_STORED])
{
    pthread_mutex_t *place = enter();
    int rc;

    if (place == NULL)
        return ERR_BUSY;
    rc = libscrypt_hash(stored, (char *)(uintptr_t)password, 1u << log2_n, R, P);
    pthread_mutex_unlock(place);
    if (rc > 0)
        return ERR_NONE;
    log_error("password: scrypt failed");
    return ERR_INTERNAL;
}

/* log2(N), r and p of a stored hash, in bounds; what is no hash of ours is never checked. */
static bool
parameters(const char *stored, unsigned *n)
{
    unsigned r, p;

    return strlen(stored) < PASSWORD_STORED && sscanf(stored, "$s1$%2x%2x%2x$", n, &r, &p) == 3 &&
           *n >= 10 && *n <= 20 && r == R && p <= 16;
}

enum err
password_check(const char *password, const char *stored, bool *right, bool *outdated)
{
    const char *against = stored == NULL ? nobody : stored;
    char copy[PASSWORD_STORED]; /* libscrypt_check() writes into it */
    pthread_mutex_t *place;
    unsigned n;

    *right = false;
    if (!parameters(against, &n)) {
        log_error("password: a stored hash is malformed");
        return ERR_INTERNAL;
    }
    if ((place = enter()) == NULL)
        return ERR_BUSY;
    snprintf(copy, sizeof(copy), "%s", against);
    *right = libscrypt_check(copy, (char *)(uintptr_t)password) > 0 && stored != NULL;
    pthread_mutex_unlock(place);
    if (outdated != NULL)
        *outdated = *right && n < (unsigned)log2_n;
    return ERR_NONE;
}
