/*
 * Work for taskwire-jobs, queued in the transaction of the change it belongs to, so that a job
 * exists exactly if the change was committed.
 */
#ifndef API_QUEUE_QUEUE_H
#define API_QUEUE_QUEUE_H

#include <bson/bson.h>
#include <stdbool.h>

#include "api/queue/messages.h"
#include "common/base/err.h"

struct change;
struct text;

enum job_kind {
    JOB_EMAIL,          /* to an email address */
    JOB_TEXT,           /* to a phone */
    JOB_PURGE,          /* of an account whose grace period is over */
    JOB_RESET,          /* the address may have no account */
    JOB_STATUS_KIND,    /* the tasks of a status whose kind changed, or of a deleted one or label */
    JOB_REGISTRATION,   /* the address may have an account already */
    JOB_DUPLICATE,      /* the tasks of a project that was duplicated */
    JOB_INVITED,        /* notifies the account that has an */
    JOB_COMMENTED,      /* notifies those who watch the task of a comment */
    JOB_STATUS_CHANGED, /* notifies those who watch a task that has another status */
    JOB_SUBSCRIPTIONS,  /* copies the states that users have set for tasks to copies of these tasks
                         */
    JOB__COUNT
};

/* As stored, indexed by enum job_kind. */
extern const char *const job_names[JOB__COUNT];

/*
 * The prefix of the address or number of an account that never confirmed it and lost it to another
 * account that did; the account's id follows.  Nothing is sent there.
 */
#define QUEUE_RELEASED "released:"

bool queue_released(const char *to);

/* Within a change: queues a job that is tried at due, and tried again until an instant (ms). */
enum err queue_job(struct change *change, enum job_kind kind, int64_t due, int64_t until,
                   const bson_t *content) MUST_CHECK;

/*
 * Within a change: queues an email, with its values as pairs of name and text and a NULL at the
 * end. life: ms for which it makes sense to send it.  If the address, the number or the
 * installation has reached its limit (api/http/quotas.h), an email that the user waits for is
 * ERR_THROTTLED and a notice is dropped, so that it does not make its cause fail.
 */
enum err queue_message(struct change *change, enum message_kind message, const char *to,
                       int64_t life, ...) MUST_CHECK __attribute__((sentinel));

/* Appends a job's content as BSON bytes; ERR_INVALID if it cannot be decrypted. */
enum err queue_open(struct text *out, const bson_t *job) MUST_CHECK;

#endif
