/*
 * Doing a user's job (api/v1/user_jobs.h) in parts, each an ordinary change of its project that
 * also counts in the job's document what it did.  So a program that is killed loses at most one
 * part, the next one goes on after the last that was committed, and nothing is counted twice.
 */
#ifndef API_JOBS_USER_JOB_H
#define API_JOBS_USER_JOB_H

#include <bson/bson.h>
#include <stdbool.h>

#include "common/base/err.h"

struct change;
struct jobs_context;
struct request;

struct user_job_part {
    const bson_t *content; /* of the queued job: {jobId, userId, projectId, ...} */
    void *arg;
    int64_t before; /* how much is done already */
    /* Results. */
    int64_t done;     /* by this part */
    const char *what; /* for the report; NULL: nothing */
    bool more;        /* there is more to do */
};

/* Does a part within a change, as the job's user; the project's topic is the first one. */
typedef enum err (*user_job_fn)(struct request *r, struct change *change,
                                struct user_job_part *part);

/*
 * Does part after part until the job has ended or is cancelled.  ERR_RETRY if there is more to do,
 * but its turn is over or the program must stop.  An error that will not go away by itself ends the
 * job as failed, with its detail in the report.
 */
enum err user_job_run(const struct jobs_context *context, const bson_t *content, user_job_fn fn,
                      void *arg) MUST_CHECK;

/* Ends the job as failed; for one that is not tried again.  Nothing if it has ended or has no
 * document. */
void user_job_give_up(const struct jobs_context *context, const bson_t *content);

#endif
