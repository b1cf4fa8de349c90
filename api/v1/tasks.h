/*
 * What the task's other files share.
 */
#ifndef API_V1_TASKS_H
#define API_V1_TASKS_H

#include <bson/bson.h>

#include "api/field.h"

extern const struct shape task_shape;
extern const struct field task_fields[];

/* The cross-field rules (task_rules.c); as struct resource's check. */
enum err task_rules(struct request *r, struct change *change, const bson_t *project,
                    const bson_t *before, const bson_t *after, bson_t *extra) MUST_CHECK;

/* The words of a text, folded, as search terms appended to an array (search.c). */
void search_terms(bson_t *terms, const char *const *texts, int count);

/* ?q= as conditions on terms, appended to a filter's $and-able members. */
enum err search_filter(struct request *r, const char *q, bson_t *filter) MUST_CHECK;

#endif
