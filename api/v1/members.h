/*
 * What the snapshot asks of members.
 */
#ifndef API_V1_MEMBERS_H
#define API_V1_MEMBERS_H

#include <bson/bson.h>

#include "api/field.h"

struct text;

extern const struct field member_fields[];

/* Appends the project's members as JSON objects with commas between, each with more members. */
enum err members_write(struct request *r, struct text *out, const bson_t *project,
                       const char *more) MUST_CHECK;

#endif
