/*
 * What the snapshot asks of members.
 */
#ifndef API_V1_MEMBERS_H
#define API_V1_MEMBERS_H

#include <bson/bson.h>

#include "api/field.h"

struct text;

extern const struct field member_fields[];

/*
 * Within a change of the project's topic (index 0) and the user's (1): takes
 * the user out, whatever the rights.  The last owner's place goes to the member
 * of the highest role.
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
