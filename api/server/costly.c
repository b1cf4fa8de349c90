/*
 * A list of the users with costly requests; it has at most as many entries as there are threads.
 */
#include "api/server/costly.h"

#include <pthread.h>

#include "api/http/request.h"
#include "common/config.h"

#define MOST      512 /* the maximum of API_THREADS */
#define OWN_LEAST 2   /* for one user, however few threads there are */

static struct {
    pthread_mutex_t lock;
    bson_oid_t users[MOST];
    long count;
} under_way = {.lock = PTHREAD_MUTEX_INITIALIZER};

static long
count_own(const bson_oid_t *user)
{
    long own = 0;

    for (long i = 0; i < under_way.count; i++)
        own += bson_oid_equal(&under_way.users[i], user);
    return own;
}

enum err
costly_enter(struct request *r)
{
    long threads = r->config->api_threads, most = threads - threads / 4;
    long own_most = threads / 4 < OWN_LEAST ? OWN_LEAST : threads / 4;
    enum err err = ERR_NONE;

    pthread_mutex_lock(&under_way.lock);
    if (count_own(&r->user_id) >= own_most)
        err = ERR_THROTTLED;
    else if (under_way.count >= most || under_way.count == MOST)
        err = ERR_BUSY;
    else
        under_way.users[under_way.count++] = r->user_id;
    pthread_mutex_unlock(&under_way.lock);
    if (err != ERR_THROTTLED)
        return err;
    r->reply.retry_after = 1;
    return request_fail(r, err, "you have several requests of this kind in progress already");
}

void
costly_leave(const struct request *r)
{
    pthread_mutex_lock(&under_way.lock);
    for (long i = 0; i < under_way.count; i++)
        if (bson_oid_equal(&under_way.users[i], &r->user_id)) {
            under_way.users[i] = under_way.users[--under_way.count];
            break;
        }
    pthread_mutex_unlock(&under_way.lock);
}
