/*
 * What the database needs once: collections, indexes, the epoch.  Called by
 * store.c alone.
 */
#ifndef COMMON_STORE_SETUP_H
#define COMMON_STORE_SETUP_H

#include <mongoc/mongoc.h>

#include "common/err.h"

/* As store_setup(). */
enum err store_setup_run(mongoc_client_t *client, const char *database,
                         long event_retention_days) MUST_CHECK;

#endif
