/*
 * Threads that wait for the database, so that the loop never does.
 */
#ifndef PUSH_SOURCES_READER_H
#define PUSH_SOURCES_READER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/id.h"
#include "push/base/fair.h"

struct config;
struct ev_loop;
struct store;

/* A query; the first member of a struct that says which. */
struct job {
    struct fair_item item; /* in its owner's queue */
    struct job *after;     /* among the urgent ones, or those that are done */
    unsigned char owner[ID_BYTES];
    bool owned;
    atomic_bool cancelled; /* it is no longer wanted: work() is not called */
    enum err (*work)(struct job *job, struct store *store); /* in a thread: touches the job only */
    void (*done)(struct job *job); /* in the loop: takes the answer, frees the job */
    enum err err;                  /* what work() said; ERR_NOT_FOUND when it was cancelled */
};

/* Waits for the database and starts the threads; false: it can never be used (logged). */
bool reader_open(struct ev_loop *loop, const struct config *config);

/*
 * Queues what hello or live events wait for.  It comes before everything that users ask for; one
 * thread serves hello alone, and one these two alone.  Only for jobs whose number is bounded,
 * whatever users do.
 */
enum urgency { URGENT_HELLO, URGENT_LIVE };
void reader_add_urgent(struct job *job, enum urgency urgency);

/*
 * Queues what one user asks for.  Users take turns; each has one job under way and then rests, the
 * longer the more it has asked for lately (fair.h).
 */
void reader_add(struct job *job, const unsigned char user[ID_BYTES]);

/* Another user waits for the same job: moves it to that user's queue. */
void reader_add_owner(struct job *job, const unsigned char user[ID_BYTES]);

/* It is no longer wanted; done() is called all the same. */
void reader_cancel(struct job *job);

/* Is the database unavailable, judging by the last answer? */
bool reader_store_unavailable(void);

/* Called with every change of that. */
void reader_on_away(void (*fn)(bool away));

/* The threads are being ended: do not queue anything again. */
bool reader_is_closing(void);

/* Ends the threads after the work under way, and calls done() for all jobs. */
void reader_close(void);

#endif
