/*
 * A list protected by a lock, and the thread that checks it.
 */
#include "api/server/long_poll.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/base/id.h"
#include "common/base/must.h"
#include "common/change/event_find.h"
#include "common/store/store.h"
#include "common/time/clock.h"

#define LOOK_MS 200

struct place {
    struct place *next;
    void *connection;
    char topic[EVENT_TOPIC], user[ID_TEXT];
    int fd;
    int64_t after, until; /* a number; a time of clock_steady(), us */
    bool due;
};

struct long_poll {
    pthread_mutex_t lock;
    struct store_pool *pool;
    struct place *places;
    int count, fd;
};

int
long_poll_fd(const struct long_poll *p)
{
    return p->fd;
}

/* With the lock held. */
static bool
has_room(const struct long_poll *p, const char *user)
{
    int own = 0;

    for (const struct place *place = p->places; place != NULL; place = place->next)
        own += strcmp(place->user, user) == 0;
    return p->count < LONG_POLL_MAX && own < LONG_POLL_USER;
}

bool
long_poll_add(struct long_poll *p, const struct long_poll_wait *wait)
{
    struct place *place = must_alloc(1, sizeof(*place));
    bool room;

    place->connection = wait->connection;
    place->fd = wait->fd;
    strncpy(place->topic, wait->topic, sizeof(place->topic) - 1);
    strncpy(place->user, wait->user, sizeof(place->user) - 1);
    place->after = wait->after;
    place->until = clock_steady() + (int64_t)wait->seconds * 1000000;
    pthread_mutex_lock(&p->lock);
    room = has_room(p, place->user);
    if (room) {
        place->next = p->places;
        p->places = place;
        p->count++;
    }
    pthread_mutex_unlock(&p->lock);
    if (!room)
        free(place);
    return room;
}

void *
long_poll_take(struct long_poll *p, bool all)
{
    void *connection = NULL;

    pthread_mutex_lock(&p->lock);
    for (struct place **at = &p->places; *at != NULL; at = &(*at)->next) {
        struct place *place = *at;

        if (!place->due && !all)
            continue;
        connection = place->connection;
        *at = place->next;
        p->count--;
        free(place);
        break;
    }
    pthread_mutex_unlock(&p->lock);
    return connection;
}

/* The topics that requests wait for, each once. */
struct wanted {
    char names[LONG_POLL_MAX][EVENT_TOPIC];
    const char *pointers[LONG_POLL_MAX];
    int count;
};

static void
gather(struct long_poll *p, struct wanted *w)
{
    w->count = 0;
    pthread_mutex_lock(&p->lock);
    for (struct place *place = p->places; place != NULL; place = place->next) {
        bool known = false;

        for (int i = 0; i < w->count && !known; i++)
            known = strcmp(w->names[i], place->topic) == 0;
        if (known)
            continue;
        memcpy(w->names[w->count], place->topic, EVENT_TOPIC);
        w->pointers[w->count] = w->names[w->count];
        w->count++;
    }
    pthread_mutex_unlock(&p->lock);
}

static enum err
note_head(void *arg, const struct event_item *head)
{
    struct long_poll *p = arg;

    pthread_mutex_lock(&p->lock);
    for (struct place *place = p->places; place != NULL; place = place->next)
        if (head->seq > place->after && strcmp(place->topic, head->topic) == 0)
            place->due = true;
    pthread_mutex_unlock(&p->lock);
    return ERR_NONE;
}

bool
long_poll_hung_up(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLRDHUP};

    return poll(&one, 1, 0) > 0;
}

/*
 * Requests whose time is over or whose peer has closed the connection are due too; the fd is made
 * readable if any request is due.
 */
static void
call_due(struct long_poll *p)
{
    int64_t now = clock_steady();
    uint64_t due = 0;

    pthread_mutex_lock(&p->lock);
    for (struct place *place = p->places; place != NULL; place = place->next) {
        place->due = place->due || place->until <= now || long_poll_hung_up(place->fd);
        due += place->due;
    }
    pthread_mutex_unlock(&p->lock);
    if (due > 0 && write(p->fd, &due, sizeof(due)) < 0) {
        /* The counter is full, so the fd is readable anyway. */
    }
}

static void *
watch_connections(void *arg)
{
    struct long_poll *p = arg;
    struct store *store = store_take(p->pool);
    struct wanted *w = must_alloc(1, sizeof(*w));

    if (store == NULL)
        must_not_happen("long poll: the pool has no connection left for a thread");
    for (;;) {
        gather(p, w);
        if (w->count > 0) {
            if (event_find_heads(store, w->pointers, w->count, note_head, p) != ERR_NONE) {
                /* Already logged; the requests go on waiting. */
            }
            call_due(p);
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    }
    return NULL;
}

struct long_poll *
long_poll_open(struct store_pool *pool)
{
    struct long_poll *p = must_alloc(1, sizeof(*p));

    if ((p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
        must_not_happen("long poll: cannot create an eventfd");
    p->pool = pool;
    pthread_mutex_init(&p->lock, NULL);
    pthread_detach(must_thread(watch_connections, p));
    return p;
}
