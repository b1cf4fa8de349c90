/*
 * What others ask of members.
 */
#ifndef API_V1_PROJECTS_MEMBERS_H
#define API_V1_PROJECTS_MEMBERS_H

#include <bson/bson.h>

#include "api/crud/resource.h"

struct change;
struct request;
struct text;

extern const struct field member_fields[];

/* Who becomes or is no longer what in a project. */
struct membership {
    const bson_oid_t *user;
    const char *name; /* the user's */
    const char *role; /* NULL: no longer a member */
    int project_topic, user_topic;
};

/*
 * Within a change of both topics: stores the membership and tells them; the caller
 * has judged it.  ERR_QUOTA when the project has as many members as it may have;
 * ERR_NOT_FOUND when the account of a new member is closed, be it a moment ago.
 * Who leaves loses the project's notifications.
 */
enum err members_store(struct request *r, struct change *change, const bson_t *project,
                       const struct membership *m) MUST_CHECK;

/* Does somebody else own the project whose account is open? */
enum err members_other_owner(struct request *r, const bson_t *project, const bson_oid_t *user,
                             bool *other) MUST_CHECK;

/*
 * Within a change of the project's topic (index 0): takes the user out, whatever
 * the rights, and tells it on the user's topic.  The last owner's place goes to
 * the member of the highest role.
 */
enum err members_drop(struct request *r, struct change *change, const bson_t *project,
                      const bson_oid_t *user) MUST_CHECK;

/* Appends one member as a JSON object, with more members before its brace. */
void members_write_one(struct text *out, const bson_oid_t *user, enum role role, const char *name,
                       const char *more);

/* Appends the project's members as JSON objects with commas between, each with more members. */
enum err members_write(struct request *r, struct text *out, const bson_t *project,
                       const char *more) MUST_CHECK;

#endif
