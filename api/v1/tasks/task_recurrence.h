/*
 * Recurring tasks: the rules of their fields, and the tasks that follow them in their series.
 *
 * A task has at most one successor.  Completing it creates the successor in the same change; the
 * rules decide that by setting nextId, and task_successor() does it.  So it happens wherever a
 * client's change passes the rules, and not where tasks follow their project's statuses.
 */
#ifndef API_V1_TASKS_TASK_RECURRENCE_H
#define API_V1_TASKS_TASK_RECURRENCE_H

#include <bson/bson.h>
#include <stdbool.h>

#include "api/crud/resource.h"
#include "common/time/recurrence.h"

/* A stored task's series. */
struct task_series {
    struct series series;
    struct due due;
    bool from_completion;
    const char *rule; /* its text */
};

/* false if the task does not recur. */
bool task_series_read(const bson_t *task, struct task_series *out);

/*
 * The date after the current one if the task is completed, or skipped, at `now` (ms); *count is
 * the new COUNT (0: the rule has none).  false: the series is over.
 */
bool task_series_next(const struct task_series *s, int64_t now, struct due *next, int *count);

/* Of all rules: the fields timeZone and recurrence, and whether the task gets a successor. */
enum err task_recurrence_rules(const struct entity_rules *rules) MUST_CHECK;

/*
 * The series that a task would have after a change that is not made: before and after are the task
 * without and with the client's values; before is NULL for a new one.  *recurs: it has one.
 * ERR_INVALID with the complaints that such a change would get.
 */
enum err task_series_preview(struct request *r, const bson_t *before, const bson_t *after,
                             struct task_series *out, bool *recurs) MUST_CHECK;

/*
 * Appends the fields of a task at another date of its series: due and start dates, and the
 * recurrence with the new COUNT.
 */
void task_series_move(struct request *r, const bson_t *task, const struct due *next, int count,
                      bson_t *set);

/* How far a task's dates move when one of them does. */
struct task_shift {
    const struct zone *zone;
    int64_t shown, days; /* ms for times, as clocks show them, and days for dates */
};
struct task_shift task_shift_of(const struct task_series *s, const struct due *next);

/* Appends dueAt or dueDate, startAt or startDate and the start of a recurrence, moved. */
void task_shift_dates(struct request *r, const struct task_shift *shift, const bson_t *task,
                      bson_t *set);

/*
 * Is the task's successor as it was created: not changed, commented on, given files or in the
 * trash, and neither are its subtasks?
 */
enum err task_successor_untouched(struct request *r, const bson_t *task,
                                  bool *untouched) MUST_CHECK;

/* After a change of a task: creates its successor, or takes it back, as the rules have decided. */
enum err task_successor(struct request *r, struct change *change, const bson_t *before,
                        const bson_t *after) MUST_CHECK;

#endif
