/*
 * Membership functions for other files.
 */
#ifndef API_V1_PROJECTS_MEMBERS_H
#define API_V1_PROJECTS_MEMBERS_H

#include <bson/bson.h>

#include "api/crud/resource.h"

struct change;
struct request;
struct text;

extern const struct field member_fields[];

/* A change of a user's role in a project. */
struct membership {
    const bson_oid_t *user;
    const char *name; /* the user's */
    const char *role; /* NULL: no longer a member */
    int project_topic, user_topic;
};

/*
 * Within a change of both topics: stores the membership and appends its events; the caller has
 * checked the rights.  ERR_QUOTA if the project has its maximum number of members; ERR_NOT_FOUND if
 * the account of a new member is closed, even a moment ago.  A user who leaves loses the project's
 * notifications.
 */
enum err members_store(struct request *r, struct change *change, const bson_t *project,
                       const struct membership *m) MUST_CHECK;

/*
 * Do the caller and the user share a project?  Open projects do not count, since joining one needs
 * no consent.
 */
enum err members_acquainted(struct request *r, const bson_oid_t *user, bool *acquainted) MUST_CHECK;

/* Does the project have another owner whose account is open? */
enum err members_other_owner(struct request *r, const bson_t *project, const bson_oid_t *user,
                             bool *other) MUST_CHECK;

/*
 * Within a change of the project's topic (index 0): removes the user, without checking rights, with
 * an event on the user's topic.  If this was the last owner, the member with the highest role
 * becomes owner.
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
