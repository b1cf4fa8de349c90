/*
 * A project and its members as they were at a number of its log.
 */
#ifndef API_V1_PROJECTS_PAST_PROJECT_H
#define API_V1_PROJECTS_PAST_PROJECT_H

#include "api/v1/projects/past.h"

struct text;

/* The project as it was; the request owns it. */
enum err past_project_find(struct past *p, const bson_t **out) MUST_CHECK;

/* Appends the members as they were, as JSON objects with "," between them. */
enum err past_project_members(struct past *p, struct text *out) MUST_CHECK;

#endif
