/*
 * The counters of a task: its subtasks that are not in the trash, how many of them are done, its
 * comments and its attachments.  They are not part of its revision: STORE_COUNTED says how often
 * they have changed, and is the second number of the ETag.  They change in the transaction of what
 * they count, and that event tells them.
 */
#ifndef API_V1_TASKS_TASK_COUNTS_H
#define API_V1_TASKS_TASK_COUNTS_H

#include <bson/bson.h>

#include "api/crud/resource.h"
#include "api/schema/field.h"

/* clang-format off */
#define TASK_COUNTS_FIELDS                                                                         \
    {"subtasks",    NESTED,  UNLOGGED, .items = task_progress_fields,                              \
     .fallback = "{\"done\":0,\"total\":0}", .about = "those that are not in the trash"},            \
    {"comments",    INTEGER, UNLOGGED, .fallback = "0"},                                           \
    {"attachments", INTEGER, UNLOGGED, .fallback = "0"},                                           \
    {STORE_COUNTED, INTEGER, HIDDEN}
/* clang-format on */
extern const struct field task_progress_fields[];

/* Appends the counters of a new task. */
void task_counts_start(bson_t *set);

/* The `count` of struct resource for tasks, comments and attachments. */
enum err task_counts_task(const struct counting *c, const bson_t *before,
                          const bson_t *after) MUST_CHECK;
enum err task_counts_comment(const struct counting *c, const bson_t *before,
                             const bson_t *after) MUST_CHECK;
enum err task_counts_attachment(const struct counting *c, const bson_t *before,
                                const bson_t *after) MUST_CHECK;

#endif
