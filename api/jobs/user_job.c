/*
 * Each part has memory of its own.  Between two parts the lease is renewed, so it can be short: if
 * the program dies, another one goes on soon.  If two programs work on the same job after all, both
 * write its document, so only one of them commits the next part.
 */
#include "api/jobs/user_job.h"

#include "api/crud/request_change.h"
#include "api/http/request.h"
#include "api/jobs/context.h"
#include "api/schema/doc.h"
#include "api/v1/user_jobs.h"
#include "common/log.h"
#include "common/store/store.h"
#include "common/time/clock.h"

#define ARENA_MAX (64u << 20)
#define RENEW_MS  15000   /* more than a part takes: changes are given up after 10 s */
#define TURN_US   2000000 /* then other jobs that are due come first, such as emails */

struct running {
    struct request *r;
    struct user_job_part *part;
    user_job_fn fn;
    const char *failure; /* why the job ends as failed; NULL: a part is done */
};

/* The job's document; *job is NULL if it has none, which only jobs of earlier versions have. */
static enum err
find_job(struct request *r, const bson_t *content, const bson_t **job)
{
    *job = NULL;
    return doc_has(content, "jobId") ? user_jobs_find(r, doc_id(content, "jobId"), job) : ERR_NONE;
}

static enum err
do_part(struct change *change, void *arg)
{
    struct running *w = arg;
    struct user_job_part *p = w->part;
    struct user_job_step step = {.state = "failed", .what = w->failure};
    const bson_t *job;
    enum err err = find_job(w->r, p->content, &job);

    p->more = false;
    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_NONE : err; /* it has ended */
    p->before = job == NULL ? 0 : doc_int(job, "done");
    p->done = 0;
    p->what = NULL;
    if (w->failure == NULL) {
        if ((err = w->fn(w->r, change, p)) != ERR_NONE)
            return err;
        step = (struct user_job_step){p->done, p->more ? "running" : "done", p->what};
    }
    return job == NULL ? ERR_NONE : user_jobs_advance(w->r, change, job, &step);
}

/* Runs it as a change of the project, or, since that may be gone, of the user alone. */
static enum err
run_change(struct running *w, bool of_project)
{
    struct request *r = w->r;
    struct change_plan plan = {.fn = do_part, .arg = w};

    if (of_project)
        plan.topics[plan.topic_count++] =
            request_project_topic(r, doc_id(w->part->content, "projectId"));
    if (of_project && doc_has(w->part->content, "jobId"))
        plan.last_topic = request_user_topic(r, &r->user_id);
    return request_change(r, &plan);
}

/* Will the error be the same next time? */
static bool
is_final(enum err err)
{
    return err == ERR_NOT_FOUND || err == ERR_FORBIDDEN || err == ERR_CONFLICT ||
           err == ERR_QUOTA || err == ERR_TOO_LARGE || err == ERR_TOO_MUCH || err == ERR_INVALID;
}

static const char *
words_for(const struct request *r, enum err err)
{
    if (r->detail != NULL)
        return r->detail;
    return err == ERR_NOT_FOUND   ? "the project is no longer there, or you can no longer see it"
           : err == ERR_FORBIDDEN ? "you no longer have the rights for it in the project"
                                  : "it could not be done";
}

static void
fail(struct running *w, const char *why)
{
    w->failure = why;
    if (run_change(w, false) != ERR_NONE)
        log_warn("jobs: a job that failed could not be marked as such");
}

static void
start_request(const struct jobs_context *c, const bson_t *content, struct request *r)
{
    *r = (struct request){.arena = arena_new(ARENA_MAX),
                          .store = c->store,
                          .bus = c->runner->bus,
                          .epoch = c->runner->epoch,
                          .config = c->runner->config};
    r->user_id = *doc_id(content, "userId");
    bson_oid_to_string(&r->user_id, r->user);
}

static enum err
run_part(const struct jobs_context *c, struct user_job_part *part, user_job_fn fn)
{
    struct request r;
    struct running w = {&r, part, fn, NULL};
    enum err err;

    start_request(c, part->content, &r);
    store_limit(c->store, r.arena);
    err = run_change(&w, true);
    store_limit(c->store, NULL);
    if (is_final(err)) {
        part->more = false;
        if (doc_has(part->content, "jobId"))
            fail(&w, words_for(&r, err));
        err = ERR_NONE;
    }
    arena_free(r.arena);
    return err;
}

/* ERR_BUSY if another program has the job by now. */
static enum err
renew_lease(const struct jobs_context *c)
{
    bson_oid_t id;
    bson_t *ours, *later;
    int64_t matched;
    enum err err;

    bson_oid_init_from_string(&id, c->id);
    ours = BCON_NEW("_id", BCON_OID(&id), "lease", BCON_UTF8(c->lease));
    later = BCON_NEW("$set", "{", "dueAt", BCON_DATE_TIME(clock_now() + RENEW_MS), "tries",
                     BCON_INT32(1), "}"); /* it makes progress, so it is not tried less often */
    err = store_update(c->store, STORE_JOBS, ours, later, &matched);
    bson_destroy(ours);
    bson_destroy(later);
    return err == ERR_NONE && matched == 0 ? ERR_BUSY : err;
}

enum err
user_job_run(const struct jobs_context *c, const bson_t *content, user_job_fn fn, void *arg)
{
    struct user_job_part part = {.content = content, .arg = arg};
    int64_t end = clock_steady() + TURN_US;
    enum err err = ERR_INVALID;

    if (!doc_has(content, "userId") || !doc_has(content, "projectId"))
        return err;
    do {
        if ((err = renew_lease(c)) == ERR_NONE)
            err = run_part(c, &part, fn);
    } while (err == ERR_NONE && part.more && clock_steady() < end && !*c->runner->stopping);
    return err == ERR_NONE && part.more ? ERR_RETRY : err;
}

void
user_job_give_up(const struct jobs_context *c, const bson_t *content)
{
    struct user_job_part part = {.content = content};
    struct request r;
    struct running w = {&r, &part, NULL, NULL};

    if (!doc_has(content, "jobId") || !doc_has(content, "userId"))
        return;
    start_request(c, content, &r);
    fail(&w, "it was tried too often");
    arena_free(r.arena);
}
