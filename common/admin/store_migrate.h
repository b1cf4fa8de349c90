/*
 * The database's schema, which taskwire-admin updates and every other program checks when it
 * starts.
 */
#ifndef COMMON_ADMIN_STORE_MIGRATE_H
#define COMMON_ADMIN_STORE_MIGRATE_H

#include "common/base/err.h"

/*
 * Updates the database to this program's schema: creates its first documents and indexes, rewrites
 * documents, and then records the version.  One migration at a time: a second one waits for the
 * lease of the first, which expires a minute after its holder dies.  May be run again at any time,
 * and while programs of the previous version are running.  ERR_INVALID if the server is of an
 * unsupported kind; ERR_STORE if it cannot be reached or something failed; all are logged.
 */
enum err store_migrate(const char *uri, const char *database) MUST_CHECK;

/*
 * Corrects the derived fields by which tasks and projects are listed, sorted and searched: older
 * programs that run during a migration do not set new fields.  May run while programs are running;
 * errors as above.
 */
enum err store_migrate_derive(const char *uri, const char *database) MUST_CHECK;

/*
 * After a restore: sets a new epoch, so that clients start again, and topic numbers that are at
 * least those of the log's events.  The programs must be stopped.
 */
enum err store_migrate_restored(const char *uri, const char *database) MUST_CHECK;

#endif
