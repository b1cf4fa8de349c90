/*
 * The task in the path of a request about something that belongs to a task: its comments, its
 * attachments.
 */
#ifndef API_V1_TASKS_TASK_PATH_H
#define API_V1_TASKS_TASK_PATH_H

#include <bson/bson.h>
#include <stdbool.h>

#include "api/access/access.h"
#include "api/crud/entity.h"
#include "common/base/err.h"

struct change;
struct request;

/*
 * The task, and its project, if the caller may do this to it; the request owns both.  ERR_NOT_FOUND
 * also if one of them is in the trash.
 */
enum err task_path_find(struct request *r, enum action action, const bson_t **task,
                        const bson_t **project) MUST_CHECK;

/* ERR_NOT_FOUND if the task to which an entity belongs (taskId) is in the trash. */
enum err task_path_living(struct request *r, const bson_t *entity) MUST_CHECK;

/* Replies with a page of what belongs to the task, as page_reply(). */
enum err task_path_list(struct request *r, entity_writer write) MUST_CHECK;

/* A change of something that belongs to the task. */
struct task_path_change {
    enum action action;
    bool batched;  /* as in struct change_plan */
    bool personal; /* its event is on the caller's topic, which is planned too */
    enum err (*fn)(struct request *r, struct change *change, void *arg, const bson_t *task,
                   const bson_t *project);
    void *arg;
};

/*
 * Runs the change in the topic of the task's project, and again if the task is moved to another
 * project at the same time.
 */
enum err task_path_run(struct request *r, const struct task_path_change *what) MUST_CHECK;

#endif
