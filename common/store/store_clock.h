/*
 * The database server's time, which all our programs use (clock_now()), since a host's own clock
 * may be wrong by any amount.
 */
#ifndef COMMON_STORE_STORE_CLOCK_H
#define COMMON_STORE_STORE_CLOCK_H

#include "common/store/store.h"

/*
 * Asks the server for its time, and then again every two seconds in a thread that
 * store_pool_close() ends; more often while there is no reply.  ERR_STORE if the database cannot be
 * reached: then nothing was started.
 */
enum err store_clock_start(struct store_pool *pool) MUST_CHECK;

/* For store_pool_close(). */
void store_clock_stop(struct store_pool *pool);

#endif
