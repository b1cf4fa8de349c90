/*
 * Jobs that their user sees: work that takes long, and how far it is.  taskwire-jobs does it
 * (api/jobs/user_job.h); internal jobs, like emails, have no such document.
 */
#ifndef API_V1_USER_JOBS_H
#define API_V1_USER_JOBS_H

#include <bson/bson.h>

#include "api/crud/resource.h"

struct change;
struct request;

#define USER_JOBS_KEPT_MS (7LL * 86400 * 1000) /* after its end a job can be read for so long */

extern const struct shape user_job_shape;

/* {userId: the caller}; the request owns it. */
bson_t *user_jobs_own(struct request *r);

enum user_job_kind {
    USER_JOB_DUPLICATE, /* copies the tasks of a project */
    USER_JOB_FOLLOW,    /* its tasks follow a status or a label; cannot be cancelled */
};

struct user_job_start {
    enum user_job_kind kind;
    int64_t total;             /* how much there is to do */
    const bson_oid_t *project; /* in which it is done */
};

/*
 * Within a change: creates a job of the request's user, with its event, and notes its id in
 * r->job, so that the reply names it.  The caller queues the work.  The oldest job that has ended
 * is removed if the user has too many; ERR_QUOTA if none has.
 */
enum err user_jobs_start(struct request *r, struct change *change,
                         const struct user_job_start *start) MUST_CHECK;

/* Within a change: the job, which the request owns.  ERR_NOT_FOUND if it has ended. */
enum err user_jobs_find(struct request *r, const bson_oid_t *id, const bson_t **job) MUST_CHECK;

/* What a part of the work did. */
struct user_job_step {
    int64_t done;      /* is added to the job's; never counted twice, as it is part of the change */
    const char *state; /* "running", or the one in which the job ends */
    const char *what;  /* added to the report; NULL: nothing */
};

/* Within a change: stores what was done, with its event. */
enum err user_jobs_advance(struct request *r, struct change *change, const bson_t *job,
                           const struct user_job_step *step) MUST_CHECK;

#endif
