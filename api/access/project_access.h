/*
 * A project and the caller's rights in it.  Within a change the rights are exact: the project is
 * read in the transaction, or known to be unchanged since it was read.
 */
#ifndef API_ACCESS_PROJECT_ACCESS_H
#define API_ACCESS_PROJECT_ACCESS_H

#include <bson/bson.h>

#include "api/access/access.h"
#include "common/base/err.h"

struct request;

#define PROJECT_ARCHIVED "the project is archived; unarchive it first"

/*
 * The caller's role in a stored project.  The reader of a share link is a viewer of the link's
 * project, unless that is in the trash.
 */
enum role project_access_role(const struct request *r, const bson_t *project);

/* May the caller do this there?  ERR_NOT_FOUND if not even know of it; ERR_FORBIDDEN. */
enum err project_access_check(const struct request *r, const bson_t *project,
                              enum action action) MUST_CHECK;

/*
 * The project, if the caller may do this there; the request owns it.  It may be in the trash.
 * ERR_NOT_FOUND if the caller may not know that it exists; ERR_FORBIDDEN; ERR_CONFLICT for actions
 * that would write tasks or comments in an archived project.
 */
enum err project_access(struct request *r, const bson_oid_t *id, enum action action,
                        const bson_t **out) MUST_CHECK;

/* The same, and ERR_NOT_FOUND if the project is in the trash. */
enum err project_access_living(struct request *r, const bson_oid_t *id, enum action action,
                               const bson_t **out) MUST_CHECK;

#endif
