/*
 * One entity of a project (a task, a comment, the project itself) within a change: its rules, its
 * next version, and its event.
 */
#ifndef API_CRUD_ENTITY_H
#define API_CRUD_ENTITY_H

#include <bson/bson.h>

#include "api/crud/resource.h"

struct text;

/* Which kind of entity a change writes, and on which of the change's topics its event goes. */
struct entity_change {
    struct request *r;
    struct change *change;
    const struct resource *resource;
    int topic;         /* index in the change */
    const char *moved; /* the key of the item of a list that is moved; NULL: none */
};

/* Starts a new entity's document: _id, rev, and who created it when. */
bson_t *entity_new(struct request *r, int64_t now);

/*
 * Creates an entity: applies the resource's rules to doc, stores it, appends the event, and replies
 * 201. project: as the change sees it; for a project itself, doc.
 */
enum err entity_create(const struct entity_change *e, const bson_t *project,
                       bson_t *doc) MUST_CHECK;

/* Stores a new entity as it is, without rules or a reply, and appends its event. */
enum err entity_insert(const struct entity_change *e, const bson_t *doc) MUST_CHECK;

/*
 * Replaces before by after, as its next version, and appends the event with both.  Does nothing if
 * they are equal.  *stored, owned by the request, is what the store holds now.  ERR_RETRY if the
 * store no longer holds before.
 */
enum err entity_store(const struct entity_change *e, enum event_kind kind, const bson_t *before,
                      const bson_t *after, const bson_t **stored) MUST_CHECK;

/*
 * Adds to *doc what the resource's rules add, and removes what is not stored; before is NULL at
 * creation.  ERR_INVALID with complaints if a rule is broken.
 */
enum err entity_apply_rules(const struct entity_change *e, const bson_t *project,
                            const bson_t *before, bson_t **doc) MUST_CHECK;

/* Within a rule: sets or clears archivedAt if the client has set `archived`. */
void entity_rule_archived(const struct entity_rules *rules);

/* The document without virtual fields, which are not stored; the request owns it. */
const bson_t *entity_without_virtual(struct request *r, const struct shape *shape,
                                     const bson_t *doc);

/* The revision of the version after before. */
int64_t entity_next_rev(const bson_t *before);

/* Appends the fields of the next version of before: rev and updatedAt. */
void entity_stamp(bson_t *out, const bson_t *before, int64_t now);

/* The same for whichever version is in the store: an update that also sets these fields. */
bson_t *entity_update(struct request *r, int64_t now, const bson_t *set);

/* Writes a document's public JSON. */
typedef void (*entity_writer)(struct request *r, struct text *out, const bson_t *doc);

/*
 * Checks If-Match against the stored document.  ERR_STALE, and the problem then contains the
 * current document; ERR_UNCONDITIONAL if it is required and there is neither If-Match nor
 * Base-Rev.
 */
enum err entity_precondition(struct request *r, const bson_t *doc, bool demanded,
                             entity_writer write) MUST_CHECK;

/* ERR_STALE, with the current document in the problem. */
enum err entity_stale(struct request *r, const bson_t *doc, entity_writer write) MUST_CHECK;

/* Appends an entity in its public form; a project's has the caller's role. */
void entity_write(struct request *r, struct text *out, const struct resource *res,
                  const bson_t *doc);

/* The same for the resource of the request's route: an entity_writer. */
void entity_write_own(struct request *r, struct text *out, const bson_t *doc);

/* Replies with an entity in its public form, and its ETag. */
enum err entity_reply(struct request *r, int status, const struct resource *res, const bson_t *doc);

/* GET of one of the caller's own, by the id in the path; own: the condition for these. */
enum err entity_read_own(struct request *r, const struct resource *res, bson_t *own) MUST_CHECK;

#endif
