/*
 * What the caller may read, asked of the store in one round trip.  A project's
 * members are not fetched for it: thousands cost no more than a few.
 * Changes do not use it: their rights come from the project within the
 * transaction, project_access().
 */
#ifndef API_ACCESS_READ_ACCESS_H
#define API_ACCESS_READ_ACCESS_H

#include <bson/bson.h>
#include <stdbool.h>

#include "common/base/err.h"
#include "common/store/store.h"

struct request;

/* Appends to a filter of projects: those that the caller may read, as far as the token reaches. */
void read_access_projects(const struct request *r, bson_t *filter);

/* Appends {name: {$in: the ids of all projects that the caller sees: none archived, none in the
 * trash}}. */
enum err read_access_visible(struct request *r, const char *name, bson_t *filter) MUST_CHECK;

/* ERR_NOT_FOUND if the caller may not read the project; and, if it must be living, in the trash. */
enum err read_access_project(struct request *r, const bson_oid_t *id, bool living) MUST_CHECK;

/* An entity that is in no trash, nor its project, if the caller may read it; for the request. */
enum err read_access_get(struct request *r, enum store_name store, const bson_oid_t *id,
                         const bson_t **out) MUST_CHECK;

#endif
