/*
 * Items of an entity's lists as resources.  Two requests that change different items never
 * conflict. The handlers are declared in v1/handlers.h.  The list is the field that the route
 * names; the item is the one whose key is in the path, after the entity's id.
 */
#ifndef API_CRUD_ITEMS_H
#define API_CRUD_ITEMS_H

#include "api/crud/resource.h"
#include "api/schema/field.h"
#include "common/base/err.h"

struct request;

/* What a body that adds or places an item has: rows for a table of fields. */
/* clang-format off */
#define ITEM_ID_FIELD                                                                              \
    {"id", SLUG, MAY_SET | NULLABLE,                                                               \
     .about = "unique in the list; chosen by the server if omitted"}
#define ITEM_PLACE_FIELDS                                                                          \
    {"before", SLUG, MAY_SET | NULLABLE | VIRTUAL, .about = "the item it is placed before"},       \
    {"after",  SLUG, MAY_SET | NULLABLE | VIRTUAL,                                                 \
     .about = "or the item it is placed after; with neither it goes to the end"}
/* clang-format on */

extern const struct shape item_move_shape;

/* A list as {items, nextCursor}, and one item of it.  The ETag is the entity's. */
enum err items_list(struct request *r) MUST_CHECK;
enum err items_read(struct request *r) MUST_CHECK;

/* PUT: adds the item that the path describes, unless it is on the list. */
enum err items_put(struct request *r) MUST_CHECK;

/* POST, PATCH, DELETE and move of items that have an id. */
enum err items_add(struct request *r) MUST_CHECK;
enum err items_change(struct request *r) MUST_CHECK;
enum err items_remove(struct request *r) MUST_CHECK;
enum err items_move(struct request *r) MUST_CHECK;

/* Within a rule: complains about items with the same key in a list that the change has set. */
void items_check_keys(const struct entity_rules *rules, const struct field *list);

#endif
