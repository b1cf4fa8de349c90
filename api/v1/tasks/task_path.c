/*
 * The topic of a change is planned from a first look at the task; within the change its project is
 * checked again.
 */
#include "api/v1/tasks/task_path.h"

#include "api/access/project_access.h"
#include "api/access/read_access.h"
#include "api/crud/crud.h"
#include "api/crud/page.h"
#include "api/crud/request_change.h"
#include "api/http/request.h"
#include "api/schema/doc.h"

/*
 * The task in the path as the request sees it; outside of a change only if the caller may read it,
 * so that another user's task costs as much as one that does not exist.
 */
static enum err
look_up(struct request *r, const bson_t **task)
{
    bson_oid_t id;
    enum err err = request_id_arg(r, 0, &id);

    if (err != ERR_NONE)
        return err;
    return r->change != NULL ? request_fetch(r, STORE_TASKS, &id, task)
                             : read_access_find(r, STORE_TASKS, &id, task);
}

enum err
task_path_find(struct request *r, enum action action, const bson_t **task, const bson_t **project)
{
    enum err err = look_up(r, task);

    if (err == ERR_NONE)
        err = project_access(r, doc_id(*task, "projectId"), action, project);
    if (err == ERR_NONE && (doc_has(*task, "deletedAt") || doc_has(*project, "deletedAt")))
        err = ERR_NOT_FOUND;
    return err;
}

enum err
task_path_list(struct request *r, entity_writer write)
{
    const bson_t *task;
    bson_oid_t id;
    enum err err = request_id_arg(r, 0, &id);

    if (err != ERR_NONE || (err = read_access_get(r, STORE_TASKS, &id, &task)) != ERR_NONE)
        return err;
    return page_reply(r, request_keep(r, BCON_NEW("taskId", BCON_OID(&id), "deletedAt", BCON_NULL)),
                      write);
}

enum err
task_path_living(struct request *r, const bson_t *entity)
{
    const bson_t *task;
    enum err err = request_fetch(r, STORE_TASKS, doc_id(entity, "taskId"), &task);

    return err == ERR_NONE && doc_has(task, "deletedAt") ? ERR_NOT_FOUND : err;
}

struct run {
    struct request *r;
    const struct task_path_change *what;
    bson_oid_t project; /* in whose topic the change was planned */
    bool moved;         /* the task is in another project now */
};

static enum err
run_inner(struct change *change, void *arg)
{
    struct run *run = arg;
    const bson_t *task, *project;
    enum err err = task_path_find(run->r, run->what->action, &task, &project);

    if (err != ERR_NONE)
        return err;
    run->moved = !bson_oid_equal(doc_id(project, "_id"), &run->project);
    return run->moved ? ERR_BUSY : run->what->fn(run->r, change, run->what->arg, task, project);
}

static enum err
run_once(struct run *run)
{
    struct change_plan plan = {
        .topic_count = 1, .fn = run_inner, .arg = run, .batched = run->what->batched};
    const bson_t *task;
    enum err err = look_up(run->r, &task);

    if (err != ERR_NONE)
        return err;
    run->moved = false;
    run->project = *doc_id(task, "projectId");
    plan.topics[0] = request_project_topic(run->r, &run->project);
    if (run->what->personal)
        plan.topics[plan.topic_count++] = request_user_topic(run->r, &run->r->user_id);
    plan.read_id = doc_id(task, "_id");
    plan.reads = STORE_TASKS;
    return request_change(run->r, &plan);
}

enum err
task_path_run(struct request *r, const struct task_path_change *what)
{
    struct run run = {.r = r, .what = what};
    enum err err = ERR_BUSY;

    for (int look = 1; look <= CRUD_LOOKS; look++)
        if ((err = run_once(&run)) != ERR_BUSY || !run.moved)
            break;
    return err;
}
