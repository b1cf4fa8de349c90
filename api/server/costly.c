/*
 * A list of the costly requests in progress; it has at most as many entries as there are threads.
 */
#include "api/server/costly.h"

#include <errno.h>
#include <pthread.h>

#include "api/http/request.h"
#include "common/config.h"
#include "common/time/clock.h"

#define OWN_LEAST 2 /* for one user, however few threads there are */
#define TURNS     1 /* requests that read from the database at the same time */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t freed; /* a turn has become free */
    pthread_once_t once;
    struct costly *first;
    int64_t asked; /* how often a turn was asked for */
} costly = {.lock = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT};

static void
prepare(void)
{
    clock_cond_init(&costly.freed);
}

/* The requests of a user, or of all (NULL), that are in progress or that have a turn. */
static long
count(const bson_oid_t *user, bool reads)
{
    long n = 0;

    for (const struct costly *c = costly.first; c != NULL; c = c->next)
        n += (c->reads || !reads) && (user == NULL || bson_oid_equal(&c->user, user));
    return n;
}

/* Has nobody waited longer? */
static bool
is_next(const struct costly *c)
{
    for (const struct costly *o = costly.first; o != NULL; o = o->next)
        if (o->asked > 0 && o->asked < c->asked)
            return false;
    return true;
}

/* A user's other requests wait behind those of all other users. */
static void
step_back(const struct costly *c)
{
    for (struct costly *o = costly.first; o != NULL; o = o->next)
        if (o->asked > 0 && bson_oid_equal(&o->user, &c->user))
            o->asked = ++costly.asked;
}

/* With the lock held.  A turn is waited for until the time; NULL: as long as it takes. */
static enum err
take_turn(struct costly *c, const struct timespec *until)
{
    int late = 0;

    c->asked = ++costly.asked;
    while ((count(NULL, true) >= TURNS || !is_next(c)) && late != ETIMEDOUT)
        late = until == NULL ? pthread_cond_wait(&costly.freed, &costly.lock)
                             : pthread_cond_timedwait(&costly.freed, &costly.lock, until);
    c->asked = 0;
    if ((c->reads = late != ETIMEDOUT))
        step_back(c);
    pthread_cond_broadcast(&costly.freed); /* another one may be next now */
    return c->reads ? ERR_NONE : ERR_BUSY;
}

static void
give_turn(struct costly *c)
{
    c->reads = false;
    pthread_cond_broadcast(&costly.freed);
}

/* With the lock held. */
static void
withdraw(struct costly *c)
{
    struct costly **at = &costly.first;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    give_turn(c);
}

enum err
costly_enter(struct request *r, struct costly *c)
{
    struct timespec until = clock_in(r->config->api_request_seconds * 1000);
    long threads = r->config->api_threads, most = threads - threads / 4;
    long own_most = threads / 4 < OWN_LEAST ? OWN_LEAST : threads / 4;
    enum err err = ERR_NONE;

    pthread_once(&costly.once, prepare);
    pthread_mutex_lock(&costly.lock);
    if (count(&r->user_id, false) >= own_most)
        err = ERR_THROTTLED;
    else if (count(NULL, false) >= most)
        err = ERR_BUSY;
    if (err == ERR_NONE) {
        *c = (struct costly){.user = r->user_id, .next = costly.first};
        costly.first = c;
        if ((err = take_turn(c, &until)) != ERR_NONE)
            withdraw(c);
    }
    pthread_mutex_unlock(&costly.lock);
    r->costly = err == ERR_NONE ? c : NULL;
    if (err != ERR_THROTTLED)
        return err;
    r->reply.retry_after = 1;
    return request_fail(r, err, "you have several requests of this kind in progress already");
}

void
costly_leave(struct request *r)
{
    pthread_mutex_lock(&costly.lock);
    withdraw(r->costly);
    pthread_mutex_unlock(&costly.lock);
    r->costly = NULL;
}

void
costly_pause(struct request *r)
{
    if (r->costly == NULL)
        return;
    pthread_mutex_lock(&costly.lock);
    give_turn(r->costly);
    pthread_mutex_unlock(&costly.lock);
}

void
costly_resume(struct request *r)
{
    if (r->costly == NULL)
        return;
    pthread_mutex_lock(&costly.lock);
    (void)!take_turn(r->costly, NULL);
    pthread_mutex_unlock(&costly.lock);
}
