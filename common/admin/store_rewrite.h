/*
 * Documents of earlier versions, brought up to date.  Called by the migration alone.
 */
#ifndef COMMON_ADMIN_STORE_REWRITE_H
#define COMMON_ADMIN_STORE_REWRITE_H

#include <mongoc/mongoc.h>

#include "common/base/err.h"

/*
 * Derives anew the fields of common/store/derived.h: of all tasks, then of all
 * projects.  A document that changed since it was read is left to its writer.
 * May be run again at any time; ERR_STORE when something failed, logged.
 */
enum err store_rewrite_derived(mongoc_client_t *client, const char *database) MUST_CHECK;

#endif
