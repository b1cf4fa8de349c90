/*
 * A worker leases a job by one update that sets its dueAt to the end of the lease: if the worker
 * dies, the job is due again then.  A finished job is removed.
 */
#include "api/jobs/runner.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/jobs/context.h"
#include "api/jobs/kinds.h"
#include "api/jobs/remind.h"
#include "api/jobs/trim.h"
#include "api/jobs/user_job.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "common/base/must.h"
#include "common/config.h"
#include "common/log.h"
#include "common/store/store.h"
#include "common/store/store_files.h"
#include "common/text/text.h"
#include "common/time/clock.h"

#define LEASE_MS       120000 /* more than any job takes (common/mail/mail.c gives up after 60 s) */
#define IDLE_MS        250    /* between two polls when nothing is due */
#define PROGRESS_TRIES 2      /* of a job that has made progress since (user_job.c) */
#define FIRST_WAIT     1000   /* before the second try; doubled for each further one */
#define LONGEST_WAIT   3600000
#define REGULAR_MS     1000 /* between two runs of the regular work */
#define TRIM_EVERY     5    /* of these, one looks for old events */
#define LEASE_NAME     33

/*
 * Kinds that take a moment, and that somebody may be waiting for.  They have a thread of their own,
 * so that jobs that take long do not delay them; the others take them too.
 */
static const enum job_kind letters[] = {JOB_EMAIL, JOB_TEXT, JOB_RESET, JOB_REGISTRATION};
#define LETTERS (sizeof(letters) / sizeof(letters[0]))

struct worker {
    const struct runner *runner;
    struct store *store;
    pthread_mutex_t *looking; /* one thread polls for all that take the same kinds */
    bool letters;             /* it takes only these */
};

static void
pause_for(const struct runner *r, long ms)
{
    for (; ms > 0 && !*r->stopping; ms -= 50)
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
}

/* The jobs that are due. */
static bson_t *
due_jobs(const struct worker *w, int64_t now)
{
    bson_t *due = BCON_NEW("dueAt", "{", "$lte", BCON_DATE_TIME(now), "}");
    const char *names[LETTERS];

    for (size_t i = 0; i < LETTERS; i++)
        names[i] = job_names[letters[i]];
    if (w->letters)
        doc_in_texts(due, "kind", names, LETTERS);
    return due;
}

/* Takes any job that is due; ERR_NOT_FOUND when there is none. */
static enum err
lease(struct worker *w, const char *name, bson_t **job)
{
    int64_t now = clock_now(), matched;
    bson_t *due = due_jobs(w, now);
    bson_t *take =
        BCON_NEW("$set", "{", "lease", BCON_UTF8(name), "dueAt", BCON_DATE_TIME(now + LEASE_MS),
                 "}", "$inc", "{", "tries", BCON_INT32(1), "}");
    bson_t *ours = BCON_NEW("lease", BCON_UTF8(name));
    enum err err = store_update(w->store, STORE_JOBS, due, take, &matched);

    if (err == ERR_NONE)
        err = matched == 0 ? ERR_NOT_FOUND : store_get(w->store, STORE_JOBS, ours, NULL, job);
    bson_destroy(due);
    bson_destroy(take);
    bson_destroy(ours);
    return err;
}

static int64_t
next_try(int64_t tries)
{
    int64_t wait = LONGEST_WAIT;
    unsigned char dice;

    if (tries < 12)
        wait = FIRST_WAIT << (tries - 1);
    text_random(&dice, 1);
    return clock_now() + wait - wait / 4 * dice / 255;
}

/* How a job went, and if it failed, when it is tried again. */
struct outcome {
    enum err err;
    int64_t again;
    bool over; /* never */
};

static struct outcome
outcome_of(const bson_t *job, enum err err)
{
    int64_t tries = doc_int(job, "tries"), until = 0;
    struct outcome o = {.err = err, .again = next_try(tries)};

    doc_time(job, "until", &until);
    if (err == ERR_RETRY && tries <= PROGRESS_TRIES)
        o.again = clock_now();
    o.over = err == ERR_INVALID || (err != ERR_NONE && o.again > until);
    return o;
}

/* Runs the job with the function of its kind. */
static struct outcome
perform(struct worker *w, const bson_t *job, const char *name)
{
    struct jobs_context context = {w->runner, w->store, "", name};
    const char *kind = doc_text(job, "kind");
    struct text bytes = {0};
    struct outcome outcome;
    bson_t content;
    enum err err = queue_open(&bytes, job);
    bool read =
        err == ERR_NONE && bson_init_static(&content, (const uint8_t *)bytes.bytes, bytes.len);

    bson_oid_to_string(doc_id(job, "_id"), context.id);
    if (err == ERR_NONE)
        err = read ? kinds_do(&context, kind == NULL ? "" : kind, &content) : ERR_INVALID;
    outcome = outcome_of(job, err);
    if (read && outcome.over)
        user_job_give_up(&context, &content);
    text_free(&bytes);
    return outcome;
}

/*
 * Removes a job that is done; keeps one that failed for good, for inspection; schedules others
 * again.
 */
static enum err
settle(struct worker *w, const bson_t *job, const char *name, const struct outcome *outcome)
{
    bson_t *filter = BCON_NEW("_id", BCON_OID(doc_id(job, "_id")), "lease", BCON_UTF8(name));
    bson_t *update;
    enum err err;

    if (outcome->err == ERR_NONE) {
        err = store_remove(w->store, STORE_JOBS, filter);
        bson_destroy(filter);
        return err;
    }
    if (outcome->over) {
        log_error("jobs: giving up a %s job after %d tries", doc_text(job, "kind"),
                  (int)doc_int(job, "tries"));
        update = BCON_NEW("$set", "{", "failedAt", BCON_DATE_TIME(clock_now()), "}", "$unset", "{",
                          "dueAt", "", "lease", "", "content", "", "}");
    } else {
        update = BCON_NEW("$set", "{", "dueAt", BCON_DATE_TIME(outcome->again), "}", "$unset", "{",
                          "lease", "", "}");
    }
    err = store_update(w->store, STORE_JOBS, filter, update, NULL);
    bson_destroy(filter);
    bson_destroy(update);
    return err;
}

/* Waits for a job; NULL if the program must stop. */
static bson_t *
take_job(struct worker *w, char name[LEASE_NAME])
{
    unsigned char bytes[16];
    bson_t *job = NULL;

    text_random(bytes, sizeof(bytes));
    text_hex(name, bytes, sizeof(bytes));
    pthread_mutex_lock(w->looking);
    while (!*w->runner->stopping && job == NULL) {
        enum err err = lease(w, name, &job);

        if (err != ERR_NONE)
            pause_for(w->runner, err == ERR_NOT_FOUND ? IDLE_MS : 4 * IDLE_MS);
    }
    pthread_mutex_unlock(w->looking);
    return job;
}

static void *
thread_main(void *arg)
{
    struct worker *w = arg;
    char name[LEASE_NAME];
    bson_t *job;

    while ((job = take_job(w, name)) != NULL) {
        const struct outcome outcome = perform(w, job, name);

        if (settle(w, job, name, &outcome) != ERR_NONE)
            log_warn("jobs: a lease could not be released; it will expire");
        bson_destroy(job);
    }
    return NULL;
}

/* Regular work that is not in the queue. */
static void *
run_regular_work(void *arg)
{
    struct worker *w = arg;

    for (int n = 0; !*w->runner->stopping; n++) {
        if (n % TRIM_EVERY == 0)
            trim_if_due(w->runner, w->store);
        if (store_files_sweep(w->store) != ERR_NONE)
            log_warn("jobs: unused files were not removed; they will be later");
        pause_for(w->runner, REGULAR_MS);
    }
    return NULL;
}

/* Reminders have a thread of their own, so that nothing delays them. */
static void *
run_reminders(void *arg)
{
    struct worker *w = arg;

    while (!*w->runner->stopping) {
        if (remind_all(w->runner, w->store) != ERR_NONE)
            log_warn("jobs: reminders were not sent; they will be later");
        pause_for(w->runner, IDLE_MS);
    }
    return NULL;
}

void
runner_run(const struct runner *runner)
{
    static void *(*const others[RUNNER_OTHERS])(void *) = {thread_main, run_regular_work,
                                                           run_reminders};
    size_t jobs = (size_t)runner->config->jobs_threads, count = jobs + RUNNER_OTHERS;
    pthread_t *threads = must_alloc(count, sizeof(*threads));
    struct worker *workers = must_alloc(count, sizeof(*workers));
    pthread_mutex_t looking[] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};

    for (size_t i = 0; i < count; i++) {
        bool other = i >= jobs;

        workers[i] = (struct worker){runner, store_take(runner->pool), &looking[other], other};
        if (workers[i].store == NULL)
            must_not_happen("jobs: the pool has no connection left for a thread");
        store_notes_in(workers[i].store, &runner->notes[i]);
        threads[i] = must_thread(other ? others[i - jobs] : thread_main, &workers[i]);
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        store_give(workers[i].store);
    }
    free(threads);
    free(workers);
}
