/*
 * One writer at a time for each topic, within a process and among the processes of a host.  Writers
 * of a topic wait here, rather than conflict in the database, where one of two transactions would
 * have to be repeated.  First come, first served within a process.
 *
 * A writer that waits for one topic may bring a job (its rider), which the holder of the lock may
 * do on the waiter's behalf.
 */
#ifndef COMMON_TOPICS_TOPIC_LOCK_H
#define COMMON_TOPICS_TOPIC_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

#define TOPIC_LOCK_MAX   9   /* names that are locked together */
#define TOPIC_LOCK_LINES 512 /* names whose hashes share a line wait for each other */

/* The lines that one writer holds. */
struct topic_lock {
    int line[TOPIC_LOCK_MAX], count;
};

/* A name's hash, never 0; its line is the hash modulo TOPIC_LOCK_LINES. */
uint64_t topic_lock_hash(const char *name);

/* Call before fork(), so that the processes of this host exclude each other too. */
void topic_lock_share(void);

/*
 * Waits until the caller holds the lines of all names.  ERR_BUSY after wait_ms, or at once if a
 * queue is full; nothing is held then.
 */
enum err topic_lock_take(struct topic_lock *lock, const char *const *names, int count,
                         int wait_ms) MUST_CHECK;

/*
 * The same for one name, with a rider.  *served: another writer has done the rider's job, and
 * nothing is held.
 */
enum err topic_lock_take_or_ride(struct topic_lock *lock, const char *name, int wait_ms,
                                 void *rider, bool *served) MUST_CHECK;

/* Releases the lines.  Call from the thread that took them, which owns the processes' locks. */
void topic_lock_give(struct topic_lock *lock);

/*
 * Takes at most `most` riders out of the queue of the lock's only line, in order of arrival, up to
 * a waiter that has no rider or that fits() refuses.  The caller must do their jobs and then call
 * topic_lock_served() for each.  Returns how many.
 */
int topic_lock_riders(const struct topic_lock *lock, void **riders, int most,
                      bool (*fits)(void *arg, void *rider), void *arg);

/*
 * Reports a job as done and wakes the rider's owner, which may free it at once. line is the
 * lock->line[0] of the lock whose queue it was in.
 */
void topic_lock_served(int line, const void *rider);

#endif
