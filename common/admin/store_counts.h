/*
 * Counts what tasks of earlier versions have.  Called only by the migration.
 */
#ifndef COMMON_ADMIN_STORE_COUNTS_H
#define COMMON_ADMIN_STORE_COUNTS_H

#include <mongoc/mongoc.h>

#include "common/base/err.h"

/*
 * Corrects the counters of all tasks.  A task whose counters change meanwhile is skipped.  May be
 * run again at any time; ERR_STORE if something failed, logged.
 */
enum err store_counts_correct(mongoc_client_t *client, const char *database) MUST_CHECK;

#endif
