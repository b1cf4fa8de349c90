/*
 * Checks what the caller may read, in one query.  A project's members are not fetched for it, so
 * thousands of them cost no more than a few.  Changes do not use it: they take their rights from
 * the project within the transaction, see project_access().
 */
#ifndef API_ACCESS_READ_ACCESS_H
#define API_ACCESS_READ_ACCESS_H

#include <bson/bson.h>
#include <stdbool.h>

#include "common/base/err.h"
#include "common/store/store.h"

struct request;

/* Limits a filter of projects to those that the caller and the token may read. */
void read_access_projects(const struct request *r, bson_t *filter);

/*
 * Appends {name: {$in: the ids of all projects that the caller sees, except archived ones and those
 * in the trash}}.
 */
enum err read_access_visible(struct request *r, const char *name, bson_t *filter) MUST_CHECK;

/*
 * ERR_NOT_FOUND if the caller may not read the project, or if it must not be in the trash and is.
 */
enum err read_access_project(struct request *r, const bson_oid_t *id, bool living) MUST_CHECK;

/*
 * An entity, if neither it nor its project is in the trash and the caller may read it; the request
 * owns it.  One query, whether nobody has this id or somebody else.
 */
enum err read_access_get(struct request *r, enum store_name store, const bson_oid_t *id,
                         const bson_t **out) MUST_CHECK;

/* The same, but both may be in the trash. */
enum err read_access_find(struct request *r, enum store_name store, const bson_oid_t *id,
                          const bson_t **out) MUST_CHECK;

/*
 * ERR_NOT_FOUND if the caller may not know that the project exists.  Costs no query if the caller
 * has reached the project through this host before, even if it is closed to them now.  For what is
 * done before a change, which finds out the exact rights itself.
 */
enum err read_access_known(struct request *r, const bson_oid_t *project) MUST_CHECK;

#endif
