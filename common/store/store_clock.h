/*
 * The database server's time, which all our programs go by (clock_now()): a
 * host's own may be wrong by any amount.
 */
#ifndef COMMON_STORE_STORE_CLOCK_H
#define COMMON_STORE_STORE_CLOCK_H

#include "common/store/store.h"

/*
 * Asks the server for its time, and from then on every two seconds in a thread
 * that store_pool_close() ends; sooner again while there is no answer.  ERR_STORE
 * when the database cannot be reached: nothing was started.
 */
enum err store_clock_start(struct store_pool *pool) MUST_CHECK;

/* For store_pool_close(). */
void store_clock_stop(struct store_pool *pool);

#endif
