/*
 * List, create, read, change, remove and restore, implemented once for everything that belongs to a
 * project.  For routes whose `on` is a struct resource.
 */
#ifndef API_CRUD_CRUD_H
#define API_CRUD_CRUD_H

#include "api/crud/field_base.h"
#include "common/base/err.h"

struct request;

/*
 * How often an entity's project is looked up again if the entity moves between the look-up and the
 * change; after that the client may try again (503).
 */
#define CRUD_LOOKS 5

/* What a request changes in an entity. */
struct crud_change {
    bson_t *set;              /* the fields, with their new values; empty: nothing */
    struct field_names names; /* for Base-Rev */
    const char *moved;        /* the key of the item of a list that is moved; NULL: none */
    const char *removed;      /* and of one that is removed */
};

/*
 * A change that depends on the entity's current version.  find() fills in *out, in which set is an
 * empty document; it is called in each run of the change.
 */
struct crud_edit {
    enum err (*find)(struct request *r, void *arg, const bson_t *before, struct crud_change *out);
    void *arg;
    bool unconditional; /* also without If-Match where the project requires it */
    int status;         /* of the reply: 200 or 201 with the entity, or 204 */
};

/* Changes the entity whose id is the first in the path. */
enum err crud_edit(struct request *r, const struct crud_edit *edit) MUST_CHECK;

enum err crud_list(struct request *r) MUST_CHECK;
enum err crud_read(struct request *r) MUST_CHECK;
enum err crud_change(struct request *r) MUST_CHECK;
enum err crud_remove(struct request *r) MUST_CHECK;
enum err crud_restore(struct request *r) MUST_CHECK;

#endif
