/*
 * List, create, read, change, remove and restore, implemented once for everything that belongs to a
 * project.  For routes whose `on` is a struct resource.
 */
#ifndef API_CRUD_CRUD_H
#define API_CRUD_CRUD_H

#include "common/base/err.h"

struct request;

/*
 * How often an entity's project is looked up again if the entity moves between the look-up and the
 * change; after that the client may try again (503).
 */
#define CRUD_LOOKS 5

enum err crud_list(struct request *r) MUST_CHECK;
enum err crud_read(struct request *r) MUST_CHECK;
enum err crud_change(struct request *r) MUST_CHECK;
enum err crud_remove(struct request *r) MUST_CHECK;
enum err crud_restore(struct request *r) MUST_CHECK;

#endif
