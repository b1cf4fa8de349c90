/*
 * The database's schema: what taskwire-admin brings up to date, and what every
 * other program checks at its start.
 */
#ifndef COMMON_ADMIN_STORE_MIGRATE_H
#define COMMON_ADMIN_STORE_MIGRATE_H

#include "common/base/err.h"

/*
 * Brings the database to this program's schema: makes its first documents, its indexes, rewrites
 * documents, and then notes the version.  One migration at a time: another waits for the lease of
 * the first, which ends a minute after its holder.  May be run again at any time, and beside
 * programs of the version before.  ERR_INVALID when the server will never do; ERR_STORE when it
 * cannot be reached or something failed, all logged.
 */
enum err store_migrate(const char *uri, const char *database) MUST_CHECK;

/*
 * Derives again what tasks and projects are listed, sorted and searched by, where it is not right:
 * older programs that ran beside a migration do not set fields that are new with it.  Beside
 * running programs; errors as above.
 */
enum err store_migrate_derive(const char *uri, const char *database) MUST_CHECK;

/*
 * After a restore: a new epoch, so that clients start anew, and numbers that no event of the log
 * exceeds.  The programs must be stopped.
 */
enum err store_migrate_restored(const char *uri, const char *database) MUST_CHECK;

#endif
