/*
 * Counters in Redis, shared by all workers of all hosts: how often something
 * was done of late, and who must wait.  Without Redis they count nothing.
 */
#ifndef COMMON_REDIS_THROTTLE_H
#define COMMON_REDIS_THROTTLE_H

#include <stdint.h>

#include "common/base/err.h"

struct throttle;

/* One per process, shared by its threads; url as REDIS_URL.  Connects when first used. */
struct throttle *throttle_open(const char *url);
void throttle_close(struct throttle *throttle);

/* What a counted window has come to. */
struct throttle_window {
    long count;   /* this one included */
    long seconds; /* until it begins anew */
};

/* All fail with ERR_STORE when Redis is away (logged once in a while). */

/* Counts one in a window of seconds that began with the first. */
enum err throttle_count(struct throttle *throttle, const char *key, long seconds,
                        struct throttle_window *out) MUST_CHECK;

/*
 * Before a try at a secret: *wait_ms is how long it must wait, 0: not at all.
 * Once `free` tries have failed, each further one makes the next wait longer.
 */
enum err throttle_try(struct throttle *throttle, const char *key, long free,
                      int64_t *wait_ms) MUST_CHECK;

/* It failed. */
enum err throttle_failed(struct throttle *throttle, const char *key) MUST_CHECK;

/* It did not: all is forgotten. */
enum err throttle_passed(struct throttle *throttle, const char *key) MUST_CHECK;

/* The wait after so many failures, for whoever keeps count elsewhere. */
int64_t throttle_delay(long failures, long free);

#define THROTTLE_KEPT_MS 3600000 /* failures are forgotten so long after the last */

#endif
