/*
 * List, create, read, change, remove, restore: written once for everything that
 * lives in a project.  Handlers of routes whose `on` is a struct resource.
 */
#ifndef API_CRUD_CRUD_H
#define API_CRUD_CRUD_H

#include "common/base/err.h"

struct request;

/*
 * How often it is looked up which project something is in, when it is moved
 * between the look and the change; after that the client may try again (503).
 */
#define CRUD_LOOKS 5

enum err crud_list(struct request *r) MUST_CHECK;
enum err crud_read(struct request *r) MUST_CHECK;
enum err crud_change(struct request *r) MUST_CHECK;
enum err crud_remove(struct request *r) MUST_CHECK;
enum err crud_restore(struct request *r) MUST_CHECK;

#endif
