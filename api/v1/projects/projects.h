/*
 * Project functions for other resources.
 */
#ifndef API_V1_PROJECTS_PROJECTS_H
#define API_V1_PROJECTS_PROJECTS_H

#include <bson/bson.h>
#include <stdbool.h>

#include "api/crud/resource.h"

struct text;

extern const struct shape project_shape;
extern const struct field project_fields[];

/*
 * Within a registration's change: creates the user's Inbox, with its event, and member.added on the
 * user's own topic.
 */
enum err projects_create_inbox(struct request *r, struct change *change, int user_topic) MUST_CHECK;

/* Within a change of the caller's topic: ERR_QUOTA if they have too many projects already. */
enum err projects_check_room(struct request *r, struct change *change) MUST_CHECK;

/* A new project's document with these members, [{userId, role}], and what else a client cannot set.
 */
bson_t *projects_with_members(struct request *r, const bson_t *doc, const bson_t *members);

/*
 * Within a change: stores a new project with its topic, whose index is *topic, its event, and the
 * owner's membership on the owner's topic, and replies 201.
 */
enum err projects_insert(struct request *r, struct change *change, const bson_t *doc,
                         int user_topic, int *topic) MUST_CHECK;

extern const struct list project_list;

/* Appends a project in its public form, with the caller's role. */
void projects_write(struct request *r, struct text *out, const bson_t *project);

/* One user's membership of a project before and after a change. */
struct member_event {
    const bson_oid_t *project, *user;
    const char *name;          /* the user's */
    const char *before, *role; /* NULL: not a member before, or after */
    int64_t rev;               /* the project's */
};

/* Appends member.added, member.updated or member.removed to a topic of a change. */
enum err projects_member_event(struct change *change, int topic,
                               const struct member_event *m) MUST_CHECK;

#endif
