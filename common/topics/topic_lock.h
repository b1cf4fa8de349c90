/*
 * One writer at a time for each topic, within a process and among the processes of a host.  Writers
 * of a topic meet here before they meet in the database, where one of two transactions would have
 * to be repeated.  First come, first served within a process.
 *
 * A writer that waits for one topic may bring a job along (its rider): then whoever holds the lock
 * may do the job on the waiter's behalf.
 */
#ifndef COMMON_TOPICS_TOPIC_LOCK_H
#define COMMON_TOPICS_TOPIC_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

#define TOPIC_LOCK_MAX   9   /* names that are locked together */
#define TOPIC_LOCK_LINES 512 /* names whose hashes meet in a line wait for each other */

/* The lines that one writer holds. */
struct topic_lock {
    int line[TOPIC_LOCK_MAX], count;
};

/* A name's hash, never 0; its line is the hash modulo TOPIC_LOCK_LINES. */
uint64_t topic_lock_hash(const char *name);

/* Before fork(): makes the processes of this host exclude each other too. */
void topic_lock_share(void);

/*
 * Waits until the caller holds all the names' lines.  ERR_BUSY after wait_ms, or at once when a
 * queue is full; nothing is held then.
 */
enum err topic_lock_take(struct topic_lock *lock, const char *const *names, int count,
                         int wait_ms) MUST_CHECK;

/*
 * The same for one name, and with a rider.  *served: another writer has done the rider's job, and
 * nothing is held.
 */
enum err topic_lock_take_or_ride(struct topic_lock *lock, const char *name, int wait_ms,
                                 void *rider, bool *served) MUST_CHECK;

/* Of one who holds lines; the processes' locks belong to the thread that took them. */
void topic_lock_give(struct topic_lock *lock);

/*
 * Takes at most `most` riders out of the queue for the lock's only line, in the order of their
 * coming, until one that waits without a rider or that fits() refuses.  The caller must do
 * their jobs and then call topic_lock_served() for each.  Returns how many.
 */
int topic_lock_riders(const struct topic_lock *lock, void **riders, int most,
                      bool (*fits)(void *arg, void *rider), void *arg);

/* The job is done: wakes the rider's owner, who may free it at once.  Its line was lock->line[0].
 */
void topic_lock_served(int line, const void *rider);

#endif
