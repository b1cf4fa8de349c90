/*
 * Tickets: hosts take turns writing to a topic. topic_lock.h queues the writers of one host; the
 * queues of two hosts compete in the database, where one of two transactions fails and must start
 * again.  While that happens, the writer at the head of its host's queue takes a ticket from Redis,
 * first come first served.
 *
 * Tickets are advisory: the database decides.  A writer that gets no ticket in time, or cannot
 * reach Redis, goes on without one.  Stripes without a recent conflict take no tickets and never
 * ask Redis.
 */
#ifndef COMMON_TOPICS_TICKET_H
#define COMMON_TOPICS_TICKET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/topics/topic_lock.h"

struct tickets;

/* The tickets that one writer holds. */
struct ticket {
    int stripe[TOPIC_LOCK_MAX], count;
    int64_t until; /* clock_steady(): after this others may hold them */
};

/* Call before fork(), so that the processes of this host share which stripes have conflicts. */
void tickets_share(void);

/*
 * One per process, shared by its threads; host and port as bus_address() returns them.  Redis has
 * answer_ms for each reply; if it takes longer, it is not asked again for 5 s.
 */
struct tickets *tickets_open(const char *host, int port, int answer_ms);
void tickets_close(struct tickets *tickets);

/* The writer that holds this lock met a conflict: its stripes take tickets for a while. */
void ticket_conflict(const struct topic_lock *lock);

/* Does any of the lock's stripes take tickets now? */
bool ticket_contended(const struct topic_lock *lock);

/*
 * Takes tickets for those of the lock's stripes that need one; waits at most wait_ms for each.
 * tickets may be NULL: none are taken.
 */
void ticket_take(struct tickets *tickets, const struct topic_lock *lock, int wait_ms,
                 struct ticket *out);
/* Does it still hold any? */
bool ticket_holds(const struct ticket *ticket);

/* Gives back all tickets that it holds.  Call before topic_lock_give(). */
void ticket_give(struct tickets *tickets, struct ticket *ticket);

#endif
