/*
 * Work for taskwire-jobs, queued in the transaction of the change it belongs
 * to: done when that is, lost never.
 */
#ifndef API_QUEUE_QUEUE_H
#define API_QUEUE_QUEUE_H

#include <bson/bson.h>
#include <stdbool.h>

#include "api/queue/letters.h"
#include "common/base/err.h"

struct change;
struct text;

enum job_kind {
    JOB_LETTER,       /* to a mail address */
    JOB_TEXT,         /* to a phone */
    JOB_PURGE,        /* of an account whose time of grace is over */
    JOB_RESET,        /* asked for by whoever may be nobody */
    JOB_STATUS_KIND,  /* the tasks of a status whose kind changed */
    JOB_REGISTRATION, /* with an address that somebody may have already */
    JOB_INVITED,      /* tells the account that has an invitation's address */
    JOB__COUNT
};

/* As stored, indexed by enum job_kind. */
extern const char *const job_names[JOB__COUNT];

/*
 * How the address or the number of an account begins that never confirmed it and
 * lost it to another account which did; its id follows.  Nothing is sent there.
 */
#define QUEUE_RELEASED "released:"

bool queue_released(const char *to);

/* Within a change: at due it is tried, and tried again until an instant (ms). */
enum err queue_job(struct change *change, enum job_kind kind, int64_t due, int64_t until,
                   const bson_t *content) MUST_CHECK;

/*
 * Within a change: a letter, with its values as pairs of name and text and a
 * NULL at the end.  life: ms for which it makes sense to send it.  When the address, the number or
 * the installation has its limit (api/http/quotas.h), a letter that somebody waits for is
 * ERR_THROTTLED and a notice is dropped: it must not make its cause fail.
 */
enum err queue_letter(struct change *change, enum letter_name name, const char *to, int64_t life,
                      ...) MUST_CHECK __attribute__((sentinel));

/* Appends a job's content as BSON bytes; ERR_INVALID if it cannot be unsealed. */
enum err queue_open(struct text *out, const bson_t *job) MUST_CHECK;

#endif
