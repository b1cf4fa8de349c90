/*
 * What other resources ask of projects.
 */
#ifndef API_V1_PROJECTS_H
#define API_V1_PROJECTS_H

#include <bson/bson.h>
#include <stdbool.h>

#include "api/field.h"

struct text;

extern const struct shape project_shape;
extern const struct field project_fields[];

/* The kind of a project's status: 'o'pen, 'd'one, or 0 when it has none of that id. */
char projects_status(const bson_t *project, const char *id);

/* The id of its first open status. */
const char *projects_first_status(const bson_t *project);

/* Does the project have a label of that id? */
bool projects_label(const bson_t *project, const char *id);

/*
 * Within a registration's change: the user's Inbox, with its event, and
 * member.added on the user's own topic.
 */
enum err projects_create_inbox(struct request *r, struct change *change, int user_topic) MUST_CHECK;

/* Appends {_id: [...]} of every project the caller may see, under a name, as $in. */
enum err projects_visible(struct request *r, const char *name, bson_t *filter) MUST_CHECK;

extern const struct list project_list;

/* Appends a project in its public form, with the caller's role. */
void projects_write(struct request *r, struct text *out, const bson_t *project);

/* One user's membership of a project before and after a change. */
struct member_event {
    const bson_oid_t *project, *user;
    const char *name;          /* the user's */
    const char *before, *role; /* NULL: was not, or is no longer, a member */
    int64_t rev;               /* the project's */
};

/* Appends member.added, member.updated or member.removed to a topic of a change. */
enum err projects_tell_member(struct change *change, int topic,
                              const struct member_event *m) MUST_CHECK;

#endif
