/*
 * Only finds out which tasks are left, so it does not matter where it is interrupted.
 */
#include "api/jobs/status_kind.h"

#include "api/jobs/user_job.h"
#include "api/v1/tasks/project_lists.h"

static enum err
follow(struct request *r, struct change *change, struct user_job_part *part)
{
    return project_lists_follow(r, change, part->content, &part->done, &part->more);
}

enum err
status_kind_job(const struct jobs_context *c, const bson_t *content)
{
    return user_job_run(c, content, follow, NULL);
}
