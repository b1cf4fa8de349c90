/*
 * ?filter= of a list of tasks.
 */
#ifndef API_V1_TASKS_TASK_FILTER_H
#define API_V1_TASKS_TASK_FILTER_H

#include <bson/bson.h>
#include <stdbool.h>

#include "common/base/err.h"

struct query;
struct request;

/* What a task must be in any case, so that an index can answer it. */
enum task_filter_flag { EITHER, MUST, MUST_NOT };

struct task_filter {
    struct filter_tree *tree;
    enum task_filter_flag done, archived;
    bool names_archived;             /* it says something about archived tasks */
    bool narrows_due, narrows_terms; /* conditions of the query that are only there to narrow it */
};

/*
 * Reads the text of a filter into r->filter.  `scope` has the condition on projectId already; what
 * an index answers is appended to it, to r->due, and returned in r->filter.  Names that nothing has
 * become r->warnings.  ERR_BAD_PARAMETER if the filter is wrong.
 */
enum err task_filter_read(struct request *r, const char *text, bson_t *scope) MUST_CHECK;

/* Reads a filter only to check it; false with r->position and r->expected. */
bool task_filter_valid(struct request *r, const char *text) MUST_CHECK;

/* Gives the query the condition that is left; nothing without a filter. */
void task_filter_apply(struct request *r, struct query *query);

#endif
