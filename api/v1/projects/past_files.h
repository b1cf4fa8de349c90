/*
 * A project's files as they were at a number of its log.
 */
#ifndef API_V1_PROJECTS_PAST_FILES_H
#define API_V1_PROJECTS_PAST_FILES_H

#include "api/v1/projects/past.h"

/* Was the file then what it is now?  Not if it came later, with its task or without. */
bool past_files_unchanged(const struct past *p, const bson_t *file);

/* A file that has changed since, as it was; *then: NULL if it was not there, or is erased. */
enum err past_files_then(struct past *p, struct past_change *c, const bson_t **then) MUST_CHECK;

#endif
