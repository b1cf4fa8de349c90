/*
 * List, create, read, change, remove, restore: written once for everything that
 * lives in a project.  Handlers of routes whose `on` is a struct resource.
 */
#ifndef API_CRUD_H
#define API_CRUD_H

#include <bson/bson.h>

#include "api/field.h"

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

/* One list's page, each item as write() puts it: for crud_list() and lists of others. */
enum err crud_page(struct request *r, enum store_name store, const struct list *list,
                   const bson_t *base,
                   void (*write)(struct request *, struct text *, const bson_t *)) MUST_CHECK;

#define CRUD_ARCHIVED "the project is archived: take it out of the archive first"

/*
 * The project, if the caller may do this there; the request keeps it.  ERR_CONFLICT
 * for what would write tasks or comments into an archived one.
 */
enum err crud_project(struct request *r, const bson_oid_t *id, enum action action,
                      const bson_t **out) MUST_CHECK;

/* An entity by id, deleted or not, as stored; the request keeps it. */
enum err crud_get(struct request *r, enum store_name store, const bson_oid_t *id,
                  const bson_t **out) MUST_CHECK;

/*
 * Within a change: stores after in place of before (guarded by its rev, rev + 1)
 * and appends the event with both sides to the topic.  Nothing that differs:
 * nothing is done.  *stored, kept by the request, is what is in the store now.
 */
enum err crud_store(struct request *r, struct change *change, const struct resource *res, int topic,
                    enum event_kind kind, const bson_t *before, const bson_t *after,
                    const bson_t **stored) MUST_CHECK;

/*
 * Within a change: a whole creation.  doc holds all that is known; the
 * resource's rules are applied, it is stored, told to the topic, and replied.
 */
enum err crud_create(struct request *r, struct change *change, const struct resource *res,
                     int topic, const bson_t *project, bson_t *doc) MUST_CHECK;

/* Within a change: inserts a new entity and appends its event; the same *stored. */
enum err crud_insert(struct request *r, struct change *change, const struct resource *res,
                     int topic, enum event_kind kind, const bson_t *doc) MUST_CHECK;

/* Starts a new entity's document: _id, rev, and who and when. */
bson_t *crud_new(struct request *r, int64_t now, bson_oid_t *id);

/* The document without what is understood but not stored; the request keeps it. */
bson_t *crud_without_virtual(struct request *r, const struct shape *shape, bson_t *doc);

/* Appends an entity in its public form; a project's has the caller's role. */
void crud_write(struct request *r, struct text *out, const struct resource *res, const bson_t *doc);

/* Replies with an entity in its public form; the project's also has the caller's role. */
enum err crud_reply(struct request *r, int status, const struct resource *res, const bson_t *doc);

#endif
