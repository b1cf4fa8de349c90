/*
 * Only changes tasks that do not agree with the project, so it does not matter where it is
 * interrupted.
 */
#include "api/jobs/status_kind.h"

#include "api/jobs/user_job.h"
#include "api/v1/tasks/project_lists.h"

static enum err
follow(struct request *r, struct change *change, struct user_job_part *part)
{
    struct project_lists_part p;
    enum err err = project_lists_follow(r, change, part->content, part->place, &p);

    part->done = p.done;
    part->more = p.more;
    part->next = p.next;
    return err;
}

enum err
status_kind_job(const struct jobs_context *c, const bson_t *content)
{
    return user_job_run(c, content, follow, NULL);
}
