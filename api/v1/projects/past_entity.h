/*
 * How an entity was at a number of its project's log.
 */
#ifndef API_V1_PROJECTS_PAST_ENTITY_H
#define API_V1_PROJECTS_PAST_ENTITY_H

#include "api/v1/projects/past.h"

/* The newest event of an entity up to the number. */
struct past_state {
    bool found;
    int64_t rev, at;
    bson_t *doc; /* the entity after it; NULL: the event does not have it */
    bool has_actor;
    bson_oid_t actor;
};
enum err past_state(struct past *p, const struct shape *shape, const bson_oid_t *id,
                    struct past_state *out) MUST_CHECK;

/* Sets c->then to how it was, if an event has the document, else c->rebuild. */
enum err past_then(struct past *p, struct past_change *c) MUST_CHECK;

/* The version of the project that a change of a member has made, if that is not long before. */
enum err past_member_version(struct past *p, int64_t rev, struct past_state *out) MUST_CHECK;

/*
 * An entity as it was, from what it is now: every change since is taken back.  What the log does
 * not tell is added to p->omitted, and is then as it is now.
 */
enum err past_rebuild(struct past *p, enum past_class class, const bson_t *now,
                      bson_t **out) MUST_CHECK;

/*
 * An entity that is no longer in the project, as it was: from its newest event with a document and
 * the changes after that.  NULL if there is no such event.
 */
enum err past_replay(struct past *p, const struct shape *shape, const bson_oid_t *id,
                     bson_t **out) MUST_CHECK;

#endif
