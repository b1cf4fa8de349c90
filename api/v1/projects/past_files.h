/*
 * A project's files as they were at a number of its log.
 */
#ifndef API_V1_PROJECTS_PAST_FILES_H
#define API_V1_PROJECTS_PAST_FILES_H

#include "api/v1/projects/past.h"
#include "common/store/store.h"

/*
 * Was the file, which is in the project now, then what it is now?  Not if it came later, with its
 * task or without.
 */
bool past_files_unchanged(const struct past *p, const bson_t *file);

/*
 * Calls each with all other files of the project then, as they were: those that have changed since,
 * and those of tasks that have left.  The tasks have been found (past_tasks_find()).  p->omitted
 * gets those that came with their task from another project, of which this log knows nothing.
 */
enum err past_files_each(struct past *p, store_each each, void *arg) MUST_CHECK;

#endif
