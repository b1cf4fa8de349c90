/*
 * Tickets: the hosts take turns too.  topic_lock.h puts the writers of one host in a queue; the
 * queues of two hosts meet in the database, where one transaction of two is in vain and starts
 * again. While that happens, whoever has its host's turn takes a ticket from Redis, first come
 * first served.
 *
 * It is advice: the database decides.  Who gets no ticket in time, or finds no Redis, goes on
 * without one.  Lines on which no conflict was met of late take none and never ask.
 */
#ifndef COMMON_TOPICS_TICKET_H
#define COMMON_TOPICS_TICKET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/topics/topic_lock.h"

struct tickets;

/* The tickets that one writer holds. */
struct ticket {
    int line[TOPIC_LOCK_MAX], count;
    int64_t until; /* clock_steady(): after it they are somebody else's */
};

/* Before fork(): the processes of this host know of each other's conflicts. */
void tickets_share(void);

/*
 * One per process, shared by its threads; host and port as bus_address() gives them.  Redis has
 * answer_ms for each answer; when it takes longer, nobody asks it for 5 s.
 */
struct tickets *tickets_open(const char *host, int port, int answer_ms);
void tickets_close(struct tickets *tickets);

/* The writer who has these turns met a conflict: for a while they take tickets. */
void ticket_conflict(const struct topic_lock *lock);

/* Does any of these lines take tickets now? */
bool ticket_contended(const struct topic_lock *lock);

/*
 * Takes the tickets of those of the writer's lines that take them; waits for each at most wait_ms.
 * tickets may be NULL: none are taken.
 */
void ticket_take(struct tickets *tickets, const struct topic_lock *lock, int wait_ms,
                 struct ticket *out);
/* Does it hold any, still? */
bool ticket_holds(const struct ticket *ticket);

/* Gives back what it holds; before topic_lock_give(). */
void ticket_give(struct tickets *tickets, struct ticket *ticket);

#endif
