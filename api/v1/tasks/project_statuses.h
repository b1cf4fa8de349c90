/*
 * The statuses and labels that a project defines for its tasks.  Pure.
 */
#ifndef API_V1_TASKS_PROJECT_STATUSES_H
#define API_V1_TASKS_PROJECT_STATUSES_H

#include <bson/bson.h>
#include <stdbool.h>

/*
 * The kind of a project's status: 'o' (open), 'd' (done), or 0 if there is no status with that id.
 */
char project_statuses_kind(const bson_t *project, const char *id);

/* The name of its label or status with that id; NULL if there is none.  list: "labels", "statuses".
 */
const char *project_statuses_name(const bson_t *project, const char *list, const char *id);

/*
 * Appends for each label or status of one project the id of the one with the same name in another:
 * {id: other id}.  Names are compared without case and accents; statuses must be of the same kind.
 */
void project_statuses_match(const bson_t *project, const bson_t *other, const char *list,
                            bson_t *out);

/* The id of its first status of a kind, 'o' or 'd'. */
const char *project_statuses_first_of(const bson_t *project, char kind);

/* The id of its first open status. */
const char *project_statuses_first(const bson_t *project);

/* Does the project have a label with that id? */
bool project_statuses_label(const bson_t *project, const char *id);

/* Calls each for the id and kind of every status until it returns true; returns whether it did. */
typedef bool (*project_status_fn)(void *arg, const char *id, const char *kind);
bool project_statuses_any(const bson_t *project, project_status_fn each, void *arg);

#endif
