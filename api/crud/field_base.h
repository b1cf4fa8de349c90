/*
 * Base-Rev: a change that is based on an older revision is applied if nobody has changed the same
 * fields since.
 */
#ifndef API_CRUD_FIELD_BASE_H
#define API_CRUD_FIELD_BASE_H

#include <bson/bson.h>

#include "api/crud/entity.h"

#define FIELD_BASE_NAMES  64   /* most fields that one request changes */
#define FIELD_BASE_EVENTS 1000 /* most events that are read; beyond it every field conflicts */

/*
 * What a request is about to change: names of fields, or paths of items within a list as events
 * name them ("checklist/i3/done").  Fields that already have the wanted value are left out, since
 * equal values never conflict.
 */
struct field_names {
    const char *names[FIELD_BASE_NAMES];
    int count;
};

void field_names_add(struct field_names *out, const char *name);

/* Adds the fields of a client's change that differ from those of the current version. */
void field_names_of(struct field_names *out, const struct shape *shape, const bson_t *change,
                    const bson_t *before);

/*
 * Checks Base-Rev, if it was sent, against the entity as the change sees it: reads the entity's
 * events since then, including those of the same transaction.  ERR_STALE, and the problem then
 * names the fields in conflict and contains the current document.  If the log does not reach back
 * to the base, all fields conflict.
 */
enum err field_base_check(const struct entity_change *e, const bson_t *doc,
                          const struct field_names *names) MUST_CHECK;

#endif
