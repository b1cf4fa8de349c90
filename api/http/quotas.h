/*
 * Quotas: how much a user, a project, a recipient or the whole installation may have, and how much
 * may be sent.  One table; its numbers are settings.
 */
#ifndef API_HTTP_QUOTAS_H
#define API_HTTP_QUOTAS_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/store/store.h"

struct change;
struct config;
struct request;

enum quota {
    /* What exists: 409 quota-exceeded. */
    QUOTA_USER_PROJECTS,      /* projects that one user has created, including those in the trash */
    QUOTA_USER_MEMBERSHIPS,   /* projects that one user is a member of, including those */
    QUOTA_USER_FILTERS,       /* saved filters of one user */
    QUOTA_USER_SUBSCRIPTIONS, /* tasks that one user has set to watching or muted */
    QUOTA_USER_JOBS,          /* jobs of one user; the oldest that has ended is removed first */
    QUOTA_USER_OPEN_PROJECTS, /* of them, those open to everyone */
    QUOTA_OPEN_PROJECTS,      /* projects open to everyone, of the installation */
    QUOTA_PROJECT_MEMBERS,
    QUOTA_PROJECT_INVITATIONS, /* of a project, neither answered nor withdrawn */
    QUOTA_PROJECT_LINKS,       /* share links of a project, including those that have expired */
    QUOTA_COMMENT_EDITS,   /* versions of one comment, so that erasing it is one bounded write */
    QUOTA_PROJECT_TASKS,   /* tasks ever created in a project or moved there */
    QUOTA_PROJECT_WRITTEN, /* bytes of all requests that ever changed something in a project */
    QUOTA_TASK_ATTACHMENTS,
    /* What exists, in bytes: 413 too-large. */
    QUOTA_ATTACHMENT_BYTES, /* of one file */
    QUOTA_PROJECT_BYTES,    /* of all files in a project */
    /* What exists, where the oldest entry is removed: no request is refused. */
    QUOTA_USER_NOTIFICATIONS,
    /* What is sent or tried in a time window: 429 throttled. */
    QUOTA_NUMBER_TEXTS,            /* text messages to one number */
    QUOTA_USER_TEXTS,              /* text messages that one user causes */
    QUOTA_TEXTS,                   /* text messages of the installation */
    QUOTA_ADDRESS_EMAILS,          /* emails to one address */
    QUOTA_ADDRESS_WARNINGS,        /* warnings about log-ins, tokens and sessions */
    QUOTA_EMAILS,                  /* emails of the installation */
    QUOTA_NETWORK_RESETS,          /* reset requests from one IP address or /64 */
    QUOTA_RESETS,                  /* reset requests of the installation */
    QUOTA_USER_BYTES,              /* bytes of the requests of one user that change something */
    QUOTA_USER_CODES,              /* codes that one user requests, by email or text message */
    QUOTA_USER_CODE_ATTEMPTS,      /* attempts of one user at codes that confirm a contact */
    QUOTA_USER_CREDENTIALS,        /* credential events of one user that need the password */
    QUOTA_USER_SESSION_ENDS,       /* those that do not */
    QUOTA_USER_INVITATIONS,        /* invitations that one user sends */
    QUOTA_UNCONFIRMED_INVITATIONS, /* of them, while the address is unconfirmed: such accounts
                                      cost nothing */
    QUOTA_ADDRESS_INVITATIONS,     /* invitations to one email address */
    QUOTA_ADDRESS_REGISTRATIONS,   /* emails that open an account for one address */
    /* Notifications in a time window: above the limit none are made, and no request is refused. */
    QUOTA_SENDER_NOTIFICATIONS,  /* notifications that one user causes for another */
    QUOTA_WATCHER_NOTIFICATIONS, /* notifications of comments and statuses that one user causes for
                                    all: each takes time that other jobs wait for */
    QUOTA__COUNT
};

/*
 * To be called once when a process starts: reads the numbers from its settings.  A program that
 * does not read all of them does not start, since a quota that it lacks would be 0.
 */
void quotas_open(const struct config *config, unsigned program);

/* Does the program (CONFIG_API, CONFIG_JOBS) read the setting of every quota? */
bool quotas_known_to(unsigned program);

long quotas_limit(enum quota quota);

/*
 * Reports a reached quota to the client: ERR_QUOTA or ERR_TOO_LARGE, or ERR_THROTTLED with
 * RateLimit-* and Retry-After.
 */
enum err quotas_refuse(struct request *r, enum quota quota);

/*
 * May there be one more than the filter finds?  Reads at most as many index
 * entries as the limit.  Within a change it is exact if the changes that add one
 * share a topic.
 */
enum err quotas_exist(struct request *r, struct store *store, enum quota quota,
                      enum store_name name, const bson_t *filter) MUST_CHECK;

/* Like quotas_exist() if it is known how many there are already. */
enum err quotas_check(struct request *r, enum quota quota, int64_t count) MUST_CHECK;

/*
 * Counts one for an owner (NULL: the whole installation) in the current window; *over if that was
 * one too many.  The count is a separate document that no other operation removes, and is written
 * outside the store's transaction: many changes write to the same count, and within their
 * transactions they would conflict with each other.  So what is refused or undone later is counted
 * too, and never more than the limit is accepted.
 */
enum err quotas_count(struct store *store, int64_t now, enum quota quota, const char *who,
                      bool *over) MUST_CHECK;

/*
 * Counts bytes that a request writes for its user; ERR_THROTTLED if there were too many in the
 * window.  A request with few bytes is counted as a whole step with a proportional probability, so
 * that it usually costs nothing: sums of many steps are exact within a few percent.
 */
enum err quotas_bytes(struct request *r, int64_t bytes) MUST_CHECK;

/*
 * What is counted, and for whom (NULL: the installation); what: distinguishes the counts of one
 * change.
 */
struct quota_use {
    enum quota quota;
    const char *who, *what;
};

/*
 * quotas_count() within a change: counts once, however often a conflict makes the change run again.
 */
enum err quotas_take(struct change *change, const struct quota_use *use, bool *over) MUST_CHECK;

/* quotas_take(), and quotas_refuse() if that was one too many. */
enum err quotas_spend(struct request *r, struct change *change, enum quota quota,
                      const char *who) MUST_CHECK;

#endif
