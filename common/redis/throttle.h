/*
 * Counters in Redis, shared by all workers of all hosts: how often something was done recently, and
 * how long to wait.  Without Redis nothing is counted.
 */
#ifndef COMMON_REDIS_THROTTLE_H
#define COMMON_REDIS_THROTTLE_H

#include <stdint.h>

#include "common/base/err.h"

struct throttle;

/* One per process, shared by its threads; url as REDIS_URL.  Connects when first used. */
struct throttle *throttle_open(const char *url);
void throttle_close(struct throttle *throttle);

/* The state of a counted window. */
struct throttle_window {
    long count;   /* including this one */
    long seconds; /* until the next window */
};

/* All fail with ERR_STORE if Redis cannot be reached (logged at intervals). */

/* Counts one in a window of so many seconds that began with the first. */
enum err throttle_count(struct throttle *throttle, const char *key, long seconds,
                        struct throttle_window *out) MUST_CHECK;

/*
 * To be called before a secret is checked: *wait_ms is how long the caller must wait, 0: not at
 * all.  Once `free` checks have failed, each further failure makes the next wait longer.
 */
enum err throttle_try(struct throttle *throttle, const char *key, long free,
                      int64_t *wait_ms) MUST_CHECK;

/* The check failed. */
enum err throttle_failed(struct throttle *throttle, const char *key) MUST_CHECK;

/* The check succeeded: its failures are forgotten. */
enum err throttle_passed(struct throttle *throttle, const char *key) MUST_CHECK;

/* The wait after so many failures, for callers that count elsewhere. */
int64_t throttle_delay(long failures, long free);

#define THROTTLE_KEPT_MS 3600000 /* how long failures are kept after the last one */

#endif
