/*
 * Transactions that outlive their program.  A worker that is killed within one
 * leaves it open in the database, and its topic locked, until the server's time
 * limit (60 s).  So the workers of taskwire-api note their sessions in a file, from
 * which the parent, or the next parent, ends them; so do taskwire-jobs' threads.
 * What is left stays in the file until it is ended, whoever dies meanwhile.
 */
#ifndef API_SERVER_TXN_REAPER_H
#define API_SERVER_TXN_REAPER_H

#include <stdbool.h>

#include "common/base/err.h"

struct config;
struct store;
struct store_note;

#define TXN_REAPER_WORKERS 64
#define TXN_REAPER_THREADS 512 /* of a worker: API_THREADS' limit */

/*
 * Before fork(): maps the file; what an earlier program's workers noted there is
 * left.  0, or -1 with the reason logged.
 */
int txn_reaper_open(const char *path);

/* Where the n-th worker notes its sessions, one note per thread. */
struct store_note *txn_reaper_notes(long n);

/* The n-th worker is dead: what it noted is left, and its notes are empty. */
void txn_reaper_leave(long n);

/* Is there anything left to end? */
bool txn_reaper_left(void);

/* Ends what is left.  By one process at a time, the parent or its child. */
enum err txn_reaper_end(struct store *store) MUST_CHECK;

/* In a child of its own: txn_reaper_end() until nothing is left.  The exit status. */
int txn_reaper_run(const struct config *config);

#endif
