/*
 * /v1/jobs: a user's jobs.  Their events are on the user's topic, one for each part of the work,
 * and a part is up to a hundred tasks.
 */
#include "api/v1/user_jobs.h"

#include <string.h>

#include "api/crud/entity.h"
#include "api/crud/page.h"
#include "api/crud/request_change.h"
#include "api/http/quotas.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "common/base/id.h"

#define REPORT_MAX 20                    /* lines of a report; further ones are left out */
#define UNENDED_MS (14LL * 86400 * 1000) /* longer than any job is tried */

static const char *const states[] = {"waiting", "running", "done", "failed", "cancelled", NULL};
static const char *const kinds[] = {
    [USER_JOB_DUPLICATE] = "duplicate", [USER_JOB_FOLLOW] = "follow", NULL};

/* clang-format off */
static const struct field report_fields[] = {
    {"at",   INSTANT, 0},
    {"what", TEXT,    0},
    {NULL},
};
static const struct field job_fields[] = {
    ENTITY_FIELDS,
    {"kind",      CHOICE,  0, .choices = kinds, .about = "duplicate: copies a project's tasks; follow: tasks follow a status that changed, or a status or label that was deleted"},
    {"state",     CHOICE,  0, .choices = states},
    {"done",      INTEGER, 0, .about = "of total: tasks"},
    {"total",     INTEGER, 0},
    {"projectId", REF,     NULLABLE, .about = "the project whose tasks are written"},
    {"report",    OBJECTS, 0, .items = report_fields, .fallback = "[]"},
    {"endedAt",   INSTANT, NULLABLE, .about = "the job can be read for 7 days from then on"},
    {"userId",    REF,     HIDDEN},
    {"expiresAt", INSTANT, HIDDEN},
    {NULL},
};
/* clang-format on */
static const struct order job_orders[] = {{"-createdAt", {"-createdAt"}}, {NULL}};

const struct shape user_job_shape = {"Job", job_fields};
const struct list user_job_list = {.store = STORE_USER_JOBS, .orders = job_orders};

/* The event says in `data` how far the job is, also the first one. */
const struct resource user_jobs = {
    .shape = &user_job_shape,
    .store = STORE_USER_JOBS,
    .path = "/v1/jobs/",
    .created = EVENT_JOB_UPDATED,
    .changed = EVENT_JOB_UPDATED,
    .removed = EVENT__COUNT,
    .restored = EVENT__COUNT,
};

bson_t *
user_jobs_own(struct request *r)
{
    return request_keep(r, BCON_NEW("userId", BCON_OID(&r->user_id)));
}

/* ------------------------------------------------------------ starting */

/* Removes the oldest of the user's jobs that have ended. */
static enum err
remove_oldest(struct request *r, struct change *change)
{
    bson_t *ended = user_jobs_own(r), ever, *doc, *which;
    bson_t *oldest = request_keep(
        r, BCON_NEW("sort", "{", "createdAt", BCON_INT32(1), "_id", BCON_INT32(1), "}"));
    enum err err;

    BSON_APPEND_DOCUMENT_BEGIN(ended, "endedAt", &ever);
    BSON_APPEND_NULL(&ever, "$ne");
    bson_append_document_end(ended, &ever);
    err = store_get(change_store(change), STORE_USER_JOBS, ended, oldest, &doc);
    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? quotas_refuse(r, QUOTA_USER_JOBS) : err;
    which = request_keep(r, BCON_NEW("_id", BCON_OID(doc_id(request_keep(r, doc), "_id"))));
    return store_remove(change_store(change), STORE_USER_JOBS, which);
}

static enum err
make_room(struct request *r, struct change *change)
{
    bson_t *own = user_jobs_own(r);
    enum err err = quotas_exist(r, change_store(change), QUOTA_USER_JOBS, STORE_USER_JOBS, own);

    return err == ERR_QUOTA ? remove_oldest(r, change) : err;
}

enum err
user_jobs_start(struct request *r, struct change *change, const struct user_job_start *start)
{
    int64_t now = change_now(change);
    bson_t *doc = entity_new(r, now), none = BSON_INITIALIZER;
    struct entity_change e = {r, change, &user_jobs, 0};
    enum err err = make_room(r, change);

    if (err == ERR_NONE)
        err = change_join_topic(change, request_user_topic(r, &r->user_id), &e.topic);
    if (err != ERR_NONE)
        return err;
    BSON_APPEND_UTF8(doc, "kind", kinds[start->kind]);
    BSON_APPEND_UTF8(doc, "state", "waiting");
    BSON_APPEND_INT64(doc, "done", 0);
    BSON_APPEND_INT64(doc, "total", start->total);
    BSON_APPEND_OID(doc, "projectId", start->project);
    BSON_APPEND_ARRAY(doc, "report", &none);
    BSON_APPEND_NULL(doc, "endedAt");
    BSON_APPEND_OID(doc, "userId", &r->user_id);
    BSON_APPEND_DATE_TIME(doc, "expiresAt", now + UNENDED_MS);
    bson_destroy(&none);
    bson_oid_to_string(doc_id(doc, "_id"), r->job);
    return entity_insert(&e, doc);
}

/* ------------------------------------------------------------ going on */

enum err
user_jobs_find(struct request *r, const bson_oid_t *id, const bson_t **job)
{
    enum err err = request_fetch(r, STORE_USER_JOBS, id, job);

    return err == ERR_NONE && doc_has(*job, "endedAt") ? ERR_NOT_FOUND : err;
}

static void
append_line(bson_t *report, int n, int64_t now, const char *what)
{
    char key[12];
    bson_t line;

    bson_snprintf(key, sizeof(key), "%d", n);
    BSON_APPEND_DOCUMENT_BEGIN(report, key, &line);
    BSON_APPEND_DATE_TIME(&line, "at", now);
    BSON_APPEND_UTF8(&line, "what", what);
    bson_append_document_end(report, &line);
}

/* Appends the report with one more line; the last place is kept for the end of the job. */
static void
append_report(const bson_t *job, const struct user_job_step *step, bool ends, int64_t now,
              bson_t *set)
{
    bson_iter_t iter, lines;
    bson_t report;
    int n = 0;

    BSON_APPEND_ARRAY_BEGIN(set, "report", &report);
    if (bson_iter_init_find(&iter, job, "report") && bson_iter_recurse(&iter, &lines))
        for (; bson_iter_next(&lines); n++)
            bson_append_iter(&report, NULL, 0, &lines);
    if (n < REPORT_MAX - !ends)
        append_line(&report, n, now, step->what);
    bson_append_array_end(set, &report);
}

enum err
user_jobs_advance(struct request *r, struct change *change, const bson_t *job,
                  const struct user_job_step *step)
{
    int64_t now = change_now(change), done = doc_int(job, "done") + step->done;
    bool ends = strcmp(step->state, "running") != 0;
    struct entity_change e = {r, change, &user_jobs, 0};
    bson_t *set = request_keep(r, bson_new());
    const bson_t *stored;
    enum err err =
        change_join_topic(change, request_user_topic(r, doc_id(job, "userId")), &e.topic);

    if (err != ERR_NONE)
        return err;
    BSON_APPEND_UTF8(set, "state", step->state);
    BSON_APPEND_INT64(set, "done", done);
    if (done > doc_int(job, "total") || strcmp(step->state, "done") == 0)
        BSON_APPEND_INT64(set, "total", done); /* others may have done some of it, or added some */
    if (step->what != NULL)
        append_report(job, step, ends, now, set);
    if (ends) {
        BSON_APPEND_DATE_TIME(set, "endedAt", now);
        BSON_APPEND_DATE_TIME(set, "expiresAt", now + USER_JOBS_KEPT_MS);
    }
    return entity_store(&e, EVENT_JOB_UPDATED, job, request_keep(r, doc_merge(job, set)), &stored);
}

/* ------------------------------------------------------------ the routes */

enum err
user_jobs_list(struct request *r)
{
    return page_reply(r, user_jobs_own(r), entity_write_own);
}

enum err
user_jobs_read(struct request *r)
{
    return entity_read_own(r, &user_jobs, user_jobs_own(r));
}

struct cancellation {
    struct request *r;
    bson_oid_t id;
};

/* May this job be cancelled?  *ended: it has been already. */
static enum err
check_state(struct request *r, const bson_t *job, bool *ended)
{
    *ended = strcmp(doc_text(job, "state"), "cancelled") == 0;
    if (!*ended && doc_has(job, "endedAt"))
        return request_fail(r, ERR_CONFLICT, "the job has already ended");
    if (strcmp(doc_text(job, "kind"), kinds[USER_JOB_FOLLOW]) == 0)
        return request_fail(r, ERR_CONFLICT,
                            "the job cannot be cancelled: tasks would keep a status or label that "
                            "the project no longer has");
    return ERR_NONE;
}

/* Whatever part of the work is in progress commits before this change, or not at all. */
static enum err
cancel(struct change *change, void *arg)
{
    const struct cancellation *c = arg;
    struct request *r = c->r;
    struct user_job_step step = {.state = "cancelled"};
    const bson_t *job;
    bool ended;
    bson_t *filter = user_jobs_own(r);
    enum err err;

    BSON_APPEND_OID(filter, "_id", &c->id);
    if ((err = request_find(r, change_store(change), STORE_USER_JOBS, filter, &job)) != ERR_NONE ||
        (err = entity_precondition(r, job, false, entity_write_own)) != ERR_NONE ||
        (err = check_state(r, job, &ended)) != ERR_NONE)
        return err;
    step.what = arena_printf(r->arena, "cancelled after %lld of %lld tasks",
                             (long long)doc_int(job, "done"), (long long)doc_int(job, "total"));
    if (!ended && (err = user_jobs_advance(r, change, job, &step)) != ERR_NONE)
        return err;
    return reply_empty(r, 204);
}

enum err
user_jobs_cancel(struct request *r)
{
    struct cancellation c = {.r = r};
    struct change_plan plan = {
        .topics = {request_user_topic(r, &r->user_id)}, .topic_count = 1, .fn = cancel, .arg = &c};
    enum err err = request_id_arg(r, 0, &c.id);

    return err == ERR_NONE ? request_change(r, &plan) : err;
}
