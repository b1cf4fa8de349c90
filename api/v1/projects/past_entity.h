/*
 * How entities were at a number of their project's log.  They are looked for in groups, so that the
 * number of queries does not grow with the number of entities.
 */
#ifndef API_V1_PROJECTS_PAST_ENTITY_H
#define API_V1_PROJECTS_PAST_ENTITY_H

#include "api/v1/projects/past.h"
#include "common/text/text.h"

#define PAST_GROUP 100 /* entities of a group, as many as event_log_entity() takes */

struct past_entity {
    bson_oid_t id;
    struct past_change *change; /* NULL: it has no events since */
    bson_t *now;                /* as it is, if it may be rebuilt from that; owned by the group */
    bool is_new;                /* it was not in the project yet */
    struct past_state state;
    bson_t *then; /* as it was; NULL: not known, or it is new */
    bool rebuilt; /* past_group_rebuild() has found it */
    /* While the log is read. */
    bool waiting;       /* for an event */
    struct text untold; /* fields that the log does not tell: names in quotes */
    const bson_t *base; /* an older document */
    bson_t *
        *later; /* what events after it changed, newest first, with before and after exchanged */
    uint32_t later_count, later_room;
};

/* Entities of one class, in the order of their ids. */
struct past_group {
    struct past *p;
    enum past_class class;
    struct past_entity items[PAST_GROUP];
    int count;
};

/* An empty group, with the lifetime of the request; past_group_free() empties it again. */
struct past_group *past_group_new(struct past *p, enum past_class class);
void past_group_add(struct past_group *g, const bson_oid_t *id, struct past_change *change);
struct past_entity *past_group_find(struct past_group *g, const bson_oid_t *id);
void past_group_free(void *group);

/* Finds the state of those that have changed since and also shortly before the number. */
enum err past_recent(struct past *p) MUST_CHECK;

/* Finds the state of all that are not new; `then` is its document. */
enum err past_group_states(struct past_group *g) MUST_CHECK;

/*
 * Finds `then` of those that have none, but `now`: every change since is taken back.  What the log
 * does not tell is added to p->omitted, and is then as it is now.
 */
enum err past_group_rebuild(struct past_group *g) MUST_CHECK;

/*
 * Finds `then` of those that still have none: from the newest event with a document and the changes
 * after that.  It stays NULL if there is no such event.
 */
enum err past_group_replay(struct past_group *g) MUST_CHECK;

/* The version of the project that a change of a member has made, if that is not long before. */
enum err past_member_version(struct past *p, int64_t rev, struct past_state *out) MUST_CHECK;

#endif
