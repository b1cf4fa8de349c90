/*
 * One writer at a time for each topic, within a process and among the processes of a host.  Writers
 * of a topic wait here, rather than conflict in the database, where one of two transactions would
 * have to be repeated.  First come, first done within a process.
 *
 * A writer that waits for one topic may delegate its job: the holder of the lock may do it on the
 * waiter's behalf.
 */
#ifndef COMMON_TOPICS_TOPIC_LOCK_H
#define COMMON_TOPICS_TOPIC_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

#define TOPIC_LOCK_MAX     9   /* names that are locked together */
#define TOPIC_LOCK_STRIPES 512 /* names whose hashes share a stripe wait for each other */

/* The stripes that one writer holds. */
struct topic_lock {
    int stripe[TOPIC_LOCK_MAX], count;
};

/* A name's hash, never 0; its stripe is the hash modulo TOPIC_LOCK_STRIPES. */
uint64_t topic_lock_hash(const char *name);

/* Call before fork(), so that the processes of this host exclude each other too. */
void topic_lock_share(void);

/*
 * Waits until the caller holds the stripes of all names.  ERR_BUSY after wait_ms, or at once if a
 * queue is full; nothing is held then.
 */
enum err topic_lock_take(struct topic_lock *lock, const char *const *names, int count,
                         int wait_ms) MUST_CHECK;

/*
 * The same for one name, with a job that may be delegated.  *done: another writer has done it, and
 * nothing is held.
 */
enum err topic_lock_take_or_delegate(struct topic_lock *lock, const char *name, int wait_ms,
                                     void *job, bool *done) MUST_CHECK;

/* Releases the stripes.  Call from the thread that took them, which owns the processes' locks. */
void topic_lock_give(struct topic_lock *lock);

/*
 * Takes at most `most` jobs out of the queue of the lock's only stripe, in order of arrival, up to
 * a waiter that delegates none or that fits() refuses.  The caller must call
 * topic_lock_job_done() or topic_lock_job_returned() for each.  Returns how many.
 */
int topic_lock_delegated(const struct topic_lock *lock, void **jobs, int most,
                         bool (*fits)(void *arg, void *job), void *arg);

/*
 * Reports a job as done and wakes its owner, which may free it at once. stripe is the
 * lock->stripe[0] of the lock whose queue it was in.
 */
void topic_lock_job_done(int stripe, const void *job);

/*
 * The job was not done: its owner waits again, at the head of the queue, with the time limit it
 * had. Call for the last of several jobs first, before topic_lock_give().
 */
void topic_lock_job_returned(int stripe, const void *job);

#endif
