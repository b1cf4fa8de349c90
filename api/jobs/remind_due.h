/*
 * Which reminders of a task are due, and for whom.
 */
#ifndef API_JOBS_REMIND_DUE_H
#define API_JOBS_REMIND_DUE_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/v1/tasks/task_reminders.h"
#include "common/base/err.h"

struct request;
struct zone;

#define REMIND_RECIPIENTS 50 /* the most assignees of a task */

/* Somebody who is reminded of a task. */
struct remind_recipient {
    bson_oid_t id;
    const struct zone *zone, *zone_before;
    int64_t moved; /* when the zone changed; 0: never */
    bool told;     /* may see the task, which is to be done, and has not muted it */
};

/* A reminder that is due for somebody. */
struct remind_due {
    struct remind_recipient *recipient;
    const char *note; /* the id of the note that it was dealt with */
    bool noted;
};

/* A task that is looked at. */
struct remind_task {
    bson_oid_t id;
    const bson_t *doc; /* NULL: it is gone, or another program was first */
    struct remind_recipient recipients[REMIND_RECIPIENTS];
    int recipient_count;
    struct remind_due due[REMIND_RECIPIENTS * REMINDERS_MAX];
    int due_count;
    int64_t next; /* when to look again; INT64_MAX: never */
};

/* The ids of those who are reminded: the assignees, or the creator if there are none. */
uint32_t remind_due_ids(const bson_t *task, bson_oid_t ids[REMIND_RECIPIENTS]);

/* Within a change: fills in recipients and what is due for them; memory of the request. */
enum err remind_due_find(struct request *r, struct remind_task *t, int64_t now) MUST_CHECK;

#endif
