/*
 * Updates documents of earlier versions.  Called only by the migration.
 */
#ifndef COMMON_ADMIN_STORE_REWRITE_H
#define COMMON_ADMIN_STORE_REWRITE_H

#include <mongoc/mongoc.h>

#include "common/base/err.h"

/*
 * Corrects the derived fields (common/store/derived.h) of all tasks, comments and projects.  A
 * document that changed since it was read is skipped, since its writer sets them.  May be run again
 * at any time; ERR_STORE if something failed, logged.
 */
enum err store_rewrite_derived(mongoc_client_t *client, const char *database) MUST_CHECK;

#endif
