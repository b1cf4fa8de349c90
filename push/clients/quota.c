/*
 * A socket's allowance flows back by the second; its user's is a leaky bucket in the user's topic.
 */
#include "push/clients/quota.h"

#include <stdint.h>

#include "common/config.h"
#include "common/time/clock.h"
#include "push/metrics.h"
#include "push/net/session.h"
#include "push/topics/hub.h"

#define BURST       200    /* messages of a socket at once: a page that resumes many topics */
#define PER_SECOND  20     /* and what it gets back in a second */
#define SOCKETS_MAX 100000 /* sockets of a user for which the quota of the user still grows */
#define USER_BURST  20     /* for each socket that a user may have: at once ... */
#define USER_RATE   2      /* ... and in a second */

static struct bucket_size user_size;

void
quota_open(const struct config *config)
{
    int32_t sockets =
        config->push_user_sockets < SOCKETS_MAX ? (int32_t)config->push_user_sockets : SOCKETS_MAX;

    user_size = (struct bucket_size){USER_BURST * sockets, USER_RATE * sockets};
}

void
quota_opened(struct session *s)
{
    s->allowance = BURST;
    s->refilled = (int32_t)(clock_steady() / 1000000);
}

bool
quota_take(struct session *s, int cost)
{
    int32_t now = (int32_t)(clock_steady() / 1000000), passed = now - s->refilled;

    if (passed > 0) {
        int32_t more = passed > BURST ? BURST : passed * PER_SECOND;

        s->allowance = (int16_t)(s->allowance + more > BURST ? BURST : s->allowance + more);
        s->refilled = now;
    }
    s->allowance = (int16_t)(s->allowance - cost);
    if (s->allowance >= 0)
        return true;
    metrics[METRIC_CUT_CHATTY]++;
    session_close(s, CLOSE_OVER_LIMIT, "too many messages");
    return false;
}

bool
quota_take_user(struct topic *user, int cost)
{
    return bucket_take(&user->user.spent, &user_size, cost, clock_steady());
}
