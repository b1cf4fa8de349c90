/*
 * Threads that do what waits for the database, so that the loop never does.
 */
#ifndef PUSH_READER_H
#define PUSH_READER_H

#include <stdbool.h>

#include "common/err.h"

struct config;
struct ev_loop;
struct store;

/* Something to read; the first member of a struct that says what. */
struct job {
    struct job *after;
    enum err (*work)(struct job *job, struct store *store); /* in a thread: touches the job only */
    void (*done)(struct job *job); /* in the loop: takes the answer, frees the job */
    enum err err;                  /* what work() said */
};

/* Starts the threads; false when MONGODB_URI is malformed. */
bool reader_open(struct ev_loop *loop, const struct config *config);

/* Queues a job, or puts it at the front: live events wait for it. */
void reader_add(struct job *job);
void reader_add_first(struct job *job);

/* Has the last answer come from the database? */
bool reader_store_away(void);

/* Called with every change of that. */
void reader_on_away(void (*fn)(bool away));

/* No answer will come any more: do not ask again. */
bool reader_is_closing(void);

/* Ends the threads; waits for the work under way, and calls done() for all jobs. */
void reader_close(void);

#endif
