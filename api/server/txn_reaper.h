/*
 * Transactions that outlive their process.  A worker that is killed within one leaves it open in
 * the database, and its topics locked, until the server's time limit (60 s).  So the workers of
 * taskwire-api note their sessions in a file, from which the parent, or the next parent, ends them;
 * so do the threads of taskwire-jobs.  An entry stays in the file until its session is ended,
 * whichever process dies in the meantime.
 */
#ifndef API_SERVER_TXN_REAPER_H
#define API_SERVER_TXN_REAPER_H

#include <stdbool.h>

#include "common/base/err.h"

struct config;
struct store;
struct store_note;

#define TXN_REAPER_WORKERS 64
#define TXN_REAPER_THREADS 512 /* per worker: the limit of API_THREADS */

/*
 * To be called before fork(): maps the file; the notes of an earlier program's workers become left.
 * 0, or -1 with the reason logged.
 */
int txn_reaper_open(const char *path);

/* Where the n-th worker notes its sessions, one note per thread. */
struct store_note *txn_reaper_notes(long n);

/* To be called when the n-th worker is dead: moves its notes to those that are left. */
void txn_reaper_leave(long n);

/* Is there anything left to end? */
bool txn_reaper_left(void);

/* Ends what is left.  Only one process at a time may call it, the parent or its child. */
enum err txn_reaper_end(struct store *store) MUST_CHECK;

/*
 * For a separate child process: calls txn_reaper_end() until nothing is left.  Returns the exit
 * status.
 */
int txn_reaper_run(const struct config *config);

#endif
