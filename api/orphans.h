/*
 * Transactions that outlive their program.  A worker that is killed within one
 * leaves it open in the database, and its topic locked, until the server's time
 * limit (60 s).  So the workers of taskwire-api note their sessions in a file that
 * the parent, or the next parent, reads to end them; so do taskwire-jobs' threads.
 */
#ifndef API_ORPHANS_H
#define API_ORPHANS_H

struct config;
struct store_note;

#define ORPHANS_WORKERS 64
#define ORPHANS_THREADS 512 /* of a worker: API_THREADS' limit */

/*
 * Before fork(): maps the file, and keeps what an earlier program left there for
 * orphans_before().  0, or -1 with the reason logged.
 */
int orphans_open(const char *path);

/* Where the n-th worker notes its sessions, one per thread. */
struct store_note *orphans_notes(long n);

/*
 * In a child of its own: end what the n-th worker, which is dead, has left; or
 * all that was left before this program.  The exit status.
 */
int orphans_end(const struct config *config, const struct store_note *left, long count);

/* A copy of the n-th worker's notes, to free(), after which they are empty. */
struct store_note *orphans_take(long n);

/* What was left before this program; *count of them, 0 for none. */
const struct store_note *orphans_before(long *count);

#endif
