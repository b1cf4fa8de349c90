/*
 * The context of a job.
 */
#ifndef API_JOBS_CONTEXT_H
#define API_JOBS_CONTEXT_H

#include <signal.h>

#include "common/base/id.h"

struct store;
struct config;
struct mail;
struct store_note;
struct store_pool;
struct bus;

struct runner {
    const struct config *config;
    struct store_pool *pool;
    struct bus *bus;
    const char *epoch;
    const struct mail *mail;
    struct store_note *notes; /* one for each thread's session */
    const volatile sig_atomic_t *stopping;
};

struct jobs_context {
    const struct runner *runner;
    struct store *store; /* the thread's own */
    char id[ID_TEXT];    /* the job's, */
    const char *lease;   /* and of its lease */
};

#endif
