/*
 * A part is copied only while the user may still read the one project and write to the other.
 */
#include "api/jobs/duplicate.h"

#include "api/access/project_access.h"
#include "api/http/request.h"
#include "api/jobs/user_job.h"
#include "api/v1/projects/project_copy.h"

#define ARENA_MAX (16u << 20)

static enum err
copy_part(struct request *r, struct change *change, struct user_job_part *p)
{
    const struct project_copy *copy = p->arg;
    struct project_copy_part part = {.first = (uint32_t)p->before, .most = PROJECT_COPY_PART};
    const bson_t *source, *target;
    enum err err;

    if ((err = project_access_living(r, &copy->source, ACTION_READ, &source)) != ERR_NONE ||
        (err = project_access_living(r, &copy->target, ACTION_WRITE, &target)) != ERR_NONE ||
        (err = project_copy_load(r, copy, &part)) != ERR_NONE)
        return err;
    part.project = target;
    if ((err = project_copy_store(r, change, copy, &part)) != ERR_NONE)
        return err;
    p->done = part.done;
    p->more = part.first + part.done < copy->count;
    if (part.lost > 0)
        p->what =
            arena_printf(r->arena, "%u tasks had left the project and were not copied", part.lost);
    return ERR_NONE;
}

enum err
duplicate_job(const struct jobs_context *c, const bson_t *content)
{
    struct arena *arena = arena_new(ARENA_MAX);
    struct project_copy copy;
    enum err err = project_copy_read(arena, content, &copy);

    if (err == ERR_NONE)
        err = user_job_run(c, content, copy_part, &copy);
    arena_free(arena);
    return err;
}
