/*
 * Runs libscrypt in separate threads of low priority, so that other requests go first, and with a
 * fixed number of slots in shared memory for all processes of a host.  The slots are robust
 * mutexes: if a worker dies while hashing, its slot becomes free.
 */
#include "common/secrets/password.h"

#include <errno.h>
#include <libscrypt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/base/hash.h"
#include "common/base/must.h"
#include "common/log.h"
#include "common/text/unicode.h"
#include "common/time/clock.h"

#define SLOTS_MAX   64
#define WAIT_MS     5000 /* longest wait before hashing begins */
#define WAITING_MAX 12   /* tasks of one process; of its 32 threads the rest stay free */
#define NICE        19
#define R           8
#define P           3

/* One hash; allocated on the stack of the thread that waits for it. */
struct task {
    struct task *next;
    const char *password;
    char *stored; /* the hash to write, or to check against */
    bool check, begun, done, displaced;
    int result; /* libscrypt's result */
    uint64_t account, address;
};

static struct slots {
    long count;
    pthread_mutex_t places[SLOTS_MAX];
} * slots;
static long log2_n = 15;
static char nobody[PASSWORD_STORED]; /* the hash that is checked for an unknown account */

/* The tasks that wait in this process, first come first served. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t work, news; /* for the pool's threads; for waiting callers */
    struct task *first, **end;
    struct task *places[WAITING_MAX]; /* all tasks that wait or are being hashed; NULL: free */
    uint64_t served;                  /* address of the task started last */
    int threads;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local struct {
    uint64_t account, address;
} caller;

/* 0: unknown.  It is harmless if two names have the same number. */
static uint64_t
number_of(const char *name)
{
    return name == NULL || *name == '\0' ? 0 : hash_text(name);
}

void
password_caller(const char *account, const char *address)
{
    caller.account = number_of(account);
    caller.address = number_of(address);
}

void
password_open(long cost, long count)
{
    pthread_mutexattr_t attr;

    if (count == 0 && (count = sysconf(_SC_NPROCESSORS_ONLN) - 1) < 1)
        count = 1;
    log2_n = cost;
    slots = must_share(sizeof(*slots));
    slots->count = count;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    for (long i = 0; i < count; i++)
        pthread_mutex_init(&slots->places[i], &attr);
    pthread_mutexattr_destroy(&attr);
    if (libscrypt_hash(nobody, "nobody's password", 1u << log2_n, R, P) <= 0)
        must_not_happen("password: scrypt failed");
}

/* Locked, or taken over from a process that died. */
static bool
taken(pthread_mutex_t *place, int rc)
{
    if (rc == EOWNERDEAD)
        pthread_mutex_consistent(place);
    return rc == 0 || rc == EOWNERDEAD;
}

/* Takes a slot of the host, however long it takes; the other processes hash for seconds at most. */
static pthread_mutex_t *
enter(void)
{
    static atomic_uint next;
    pthread_mutex_t *place;

    for (long i = 0; i < slots->count; i++)
        if (taken(&slots->places[i], pthread_mutex_trylock(&slots->places[i])))
            return &slots->places[i];
    place = &slots->places[atomic_fetch_add(&next, 1) % (unsigned)slots->count];
    while (!taken(place, pthread_mutex_lock(place))) {
    }
    return place;
}

/* With the queue's lock: removes a task from the queue. */
static void
withdraw(struct task *t)
{
    struct task **p = &queue.first;

    while (*p != t)
        p = &(*p)->next;
    *p = t->next;
    if (*p == NULL)
        queue.end = p;
}

/*
 * With the queue's lock: the first task from another address than the last one, otherwise the
 * first.
 */
static struct task *
take_task(void)
{
    struct task *t = queue.first;

    while (t != NULL && t->address == queue.served)
        t = t->next;
    if (t == NULL)
        t = queue.first;
    if (t == NULL)
        return NULL;
    withdraw(t);
    queue.served = t->address;
    t->begun = true;
    return t;
}

static void
hash(struct task *t)
{
    char *password = (char *)(uintptr_t)t->password;

    t->result = t->check ? libscrypt_check(t->stored, password)
                         : libscrypt_hash(t->stored, password, 1u << log2_n, R, P);
}

static void *
pool_main(void *arg)
{
    (void)arg;
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    pthread_mutex_lock(&queue.lock);
    for (;;) {
        pthread_mutex_t *place;
        struct task *t;

        while (queue.first == NULL)
            pthread_cond_wait(&queue.work, &queue.lock);
        pthread_mutex_unlock(&queue.lock);
        place = enter(); /* callers may give up in the meantime */
        pthread_mutex_lock(&queue.lock);
        if ((t = take_task()) != NULL) {
            pthread_mutex_unlock(&queue.lock);
            hash(t);
            pthread_mutex_lock(&queue.lock);
            t->done = true;
            pthread_cond_broadcast(&queue.news);
        }
        pthread_mutex_unlock(place);
    }
    return NULL;
}

/* With the queue's lock; after fork(), since threads do not survive it. */
static void
start_pool(void)
{
    pthread_cond_init(&queue.work, NULL);
    clock_cond_init(&queue.news);
    queue.end = &queue.first;
    for (; queue.threads < slots->count; queue.threads++)
        pthread_detach(must_thread(pool_main, NULL));
}

/* With the queue's lock. */
static int
places_of_account(uint64_t account)
{
    int count = 0;

    for (int i = 0; i < WAITING_MAX; i++)
        count += queue.places[i] != NULL && queue.places[i]->account == account;
    return count;
}

static int
places_of_address(uint64_t address)
{
    int count = 0;

    for (int i = 0; i < WAITING_MAX; i++)
        count += queue.places[i] != NULL && queue.places[i]->address == address;
    return count;
}

/* With the queue's lock: the newest waiting task from the address with the most places. */
static struct task *
largest_address(int *most)
{
    struct task *found = NULL;

    *most = 0;
    for (struct task *t = queue.first; t != NULL; t = t->next) {
        int count = places_of_address(t->address);

        if (count >= *most) {
            *most = count;
            found = t;
        }
    }
    return found;
}

static void
leave(const struct task *t)
{
    for (int i = 0; i < WAITING_MAX; i++)
        if (queue.places[i] == t)
            queue.places[i] = NULL;
}

/*
 * With the queue's lock: finds a place for the task, if necessary another task's; false: there is
 * none.
 */
static bool
find_place(struct task *t)
{
    struct task *other;
    int most;

    if (t->account != 0 && places_of_account(t->account) >= PASSWORD_ACCOUNT_PLACES)
        return false;
    for (int i = 0; i < WAITING_MAX; i++) {
        if (queue.places[i] == NULL) {
            queue.places[i] = t;
            return true;
        }
    }
    other = largest_address(&most);
    if (other == NULL || places_of_address(t->address) + 1 >= most)
        return false;
    withdraw(other);
    leave(other);
    other->displaced = true;
    pthread_cond_broadcast(&queue.news);
    return find_place(t);
}

/* Has the pool do the task.  ERR_BUSY if too many wait, or it does not begin in time. */
static enum err
run(struct task *t)
{
    struct timespec until = clock_in(WAIT_MS);
    enum err err = ERR_NONE;

    pthread_mutex_lock(&queue.lock);
    if (queue.threads == 0)
        start_pool();
    t->account = caller.account;
    t->address = caller.address;
    if (!find_place(t)) {
        pthread_mutex_unlock(&queue.lock);
        return ERR_BUSY;
    }
    *queue.end = t;
    queue.end = &t->next;
    pthread_cond_signal(&queue.work);
    while (!t->done && err == ERR_NONE) {
        if (t->displaced)
            err = ERR_BUSY;
        else if (t->begun)
            pthread_cond_wait(&queue.news, &queue.lock);
        else if (pthread_cond_timedwait(&queue.news, &queue.lock, &until) == ETIMEDOUT &&
                 !t->begun && !t->displaced)
            err = ERR_BUSY;
    }
    if (err != ERR_NONE && !t->displaced)
        withdraw(t);
    leave(t);
    pthread_mutex_unlock(&queue.lock);
    return err;
}

static void
forget(char *password)
{
    explicit_bzero(password, strlen(password));
    free(password);
}

enum err
password_hash(const char *password, char stored[PASSWORD_STORED])
{
    char *normal = unicode_nfkc(password);
    struct task task = {.password = normal, .stored = stored};
    enum err err = run(&task);

    forget(normal);
    if (err != ERR_NONE || task.result > 0)
        return err;
    log_error("password: scrypt failed");
    return ERR_INTERNAL;
}

/*
 * Reads log2(N), r and p of a stored hash and checks their bounds; hashes not made by us are never
 * checked.
 */
static bool
parameters(const char *stored, unsigned *n)
{
    unsigned r, p;

    return strlen(stored) < PASSWORD_STORED && sscanf(stored, "$s1$%2x%2x%2x$", n, &r, &p) == 3 &&
           *n >= 10 && *n <= 20 && r == R && p <= 16;
}

static enum err
check(const char *password, const char *stored, bool *right)
{
    char copy[PASSWORD_STORED]; /* libscrypt_check() modifies it */
    struct task task = {.password = password, .stored = copy, .check = true};
    enum err err;

    snprintf(copy, sizeof(copy), "%s", stored);
    err = run(&task);
    *right = err == ERR_NONE && task.result > 0;
    return err;
}

enum err
password_check(const char *password, const char *stored, bool *right, bool *outdated)
{
    const char *against = stored == NULL ? nobody : stored;
    char *normal;
    bool as_typed = false;
    unsigned n;
    enum err err;

    *right = false;
    if (!parameters(against, &n)) {
        log_error("password: a stored hash is malformed");
        return ERR_INTERNAL;
    }
    normal = unicode_nfkc(password);
    err = check(normal, against, right);
    /* Older hashes are of the text as typed, not normalized. */
    if (err == ERR_NONE && !*right && strcmp(normal, password) != 0) {
        err = check(password, against, right);
        as_typed = *right;
    }
    forget(normal);
    *right = *right && stored != NULL;
    if (outdated != NULL)
        *outdated = *right && (as_typed || n < (unsigned)log2_n);
    return err;
}
