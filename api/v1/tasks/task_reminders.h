/*
 * Reminders of tasks: their rules, when each is due for whom, and when taskwire-jobs must look at a
 * task next (api/jobs/remind.c sends them).
 *
 * Three hidden fields belong to them.  armedAt has the instant at which each reminder was set, its
 * due date was changed or the task was taken up again, in the order of the list: what had passed by
 * then is not sent.  armedBy is who changed any of what they depend on last.  remindAt is the
 * earliest instant at which a reminder may be due for anybody. It is derived with every change of
 * what it depends on, and never later than it must be: whether anything is due is decided when it
 * is reached.
 */
#ifndef API_V1_TASKS_TASK_REMINDERS_H
#define API_V1_TASKS_TASK_REMINDERS_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/crud/resource.h"

struct zone;

#define REMINDERS_MAX        10
#define REMINDER_BEFORE_DAYS 366              /* the longest `before` */
#define REMINDER_GRACE_MS    300000           /* so long ago a reminder may be due when it is set */
#define REMINDER_LATE_MS     (2 * 86400000LL) /* later than this it is not sent any more */

/* A reminder of a stored task that has a time. */
struct task_reminder {
    const char *id;
    /* What it is set for: another value is another reminder, which is sent again. */
    const char *value, *due; /* due NULL: it has an instant of its own */
    bool local;              /* counted from 09:00 of a day in the recipient's time zone */
    int64_t at;      /* ms since 1970; if local, as clocks there show it, and without `sooner` */
    int64_t sooner;  /* ms that are then subtracted */
    int64_t armedAt; /* ms */
};

/*
 * Reads a task's reminders; those before a due date that it does not have are left out.  Their
 * texts live as long as the task and `texts`.
 */
struct task_reminder_texts {
    char at[REMINDERS_MAX][24], due[24];
};
int task_reminders_read(const bson_t *task, struct task_reminder_texts *texts,
                        struct task_reminder out[REMINDERS_MAX]);

/* When it is due for someone in that zone. */
int64_t task_reminder_at(const struct task_reminder *reminder, const struct zone *zone);

/* The earliest and the latest instant at which it is due, in whatever zone. */
int64_t task_reminder_first(const struct task_reminder *reminder);
int64_t task_reminder_last(const struct task_reminder *reminder);

/* Had it passed when it was set? */
bool task_reminder_passed(const struct task_reminder *reminder, int64_t at);

/* Of all rules: the field reminders, and the hidden fields. */
void task_reminders_rules(const struct entity_rules *rules);

/*
 * Appends the hidden fields of a task as it will be stored, if they change.  before: the stored
 * version; NULL: it is new.
 */
struct task_arming {
    int64_t now;
    const bson_oid_t *by; /* who changes it */
};
void task_reminders_arm(const bson_t *before, const bson_t *task, const struct task_arming *arming,
                        bson_t *set);

/* Appends reminders to the fields of a copy at another date: those before the due date. */
void task_reminders_copy(const bson_t *task, bson_t *set);

/* Within a change: the user's zone is another one, so what depends on it is looked at again. */
enum err task_reminders_rezone(struct request *r, struct change *change,
                               const bson_oid_t *user) MUST_CHECK;

#endif
