/*
 * Fields that the server derives from others, for sorting and searching.  Changes keep them up to
 * date (api/v1/tasks/task_rules.c, tasks.c, projects.c); a migration adds them to documents of
 * older versions.
 */
#ifndef COMMON_STORE_DERIVED_H
#define COMMON_STORE_DERIVED_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Appends the dueKey of a task: its dueAt (NULL: none) as a date, else its
 * dueDate (NULL: none) as text, else null (api/crud/due.h).
 */
void derived_due_key(const int64_t *at, const char *date, bson_t *out);

/* Appends terms, the search terms of title and description, or of a comment's text and NULL. */
void derived_terms(const char *title, const char *description, bson_t *out);

/*
 * Appends the state of a task, by which lists find it: "trashed" if it has a deletedAt, else
 * "archived" if it has an archivedAt, else "done" if it has a completedAt, else "open".
 */
void derived_state(const bson_t *task, bson_t *out);

/* Appends nameKey, the folded name of a project. */
void derived_name_key(const char *name, bson_t *out);

/*
 * Appends to an empty $set the derived fields of a stored task (comment, project) that are missing
 * or wrong. false: all are right, or it is not such a document.
 */
bool derived_task(const bson_t *task, bson_t *set);
bool derived_comment(const bson_t *comment, bson_t *set);
bool derived_project(const bson_t *project, bson_t *set);

#endif
