/*
 * How much there may be: of what a user, a project, a target or the whole
 * installation has, and of what is sent.  One table; its numbers are settings.
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
    /* What there is: 409 quota-exceeded. */
    QUOTA_USER_PROJECTS,      /* projects that one user has made, those in the trash included */
    QUOTA_USER_MEMBERSHIPS,   /* projects that one user is a member of, likewise */
    QUOTA_USER_OPEN_PROJECTS, /* of them, those open to everyone */
    QUOTA_OPEN_PROJECTS,      /* projects open to everyone, of the installation */
    QUOTA_PROJECT_MEMBERS,
    QUOTA_PROJECT_INVITATIONS, /* of a project, neither answered nor withdrawn */
    QUOTA_COMMENT_EDITS, /* versions of one comment, so that forgetting it is one bounded write */
    QUOTA_PROJECT_TASKS, /* tasks ever made in a project or moved there */
    QUOTA_PROJECT_BYTES, /* bytes of all requests that ever changed something in a project */
    /* What there is, and the oldest gives way: nobody is refused. */
    QUOTA_USER_NOTIFICATIONS,
    /* What is sent or tried in a time: 429 throttled. */
    QUOTA_NUMBER_TEXTS,            /* text messages to one number */
    QUOTA_USER_TEXTS,              /* text messages that one user brings about */
    QUOTA_TEXTS,                   /* text messages of the installation */
    QUOTA_ADDRESS_LETTERS,         /* letters to one mail address */
    QUOTA_ADDRESS_WARNINGS,        /* of log-ins, tokens and ended sessions, besides */
    QUOTA_LETTERS,                 /* letters of the installation */
    QUOTA_NETWORK_RESETS,          /* forgotten passwords that one IP address or /64 asks for */
    QUOTA_RESETS,                  /* forgotten passwords of the installation */
    QUOTA_USER_BYTES,              /* bytes of the requests of one user that change something */
    QUOTA_USER_CODES,              /* codes that one user asks for, by letter or by text */
    QUOTA_USER_TRIES,              /* tries of one user at codes that confirm a contact */
    QUOTA_USER_CREDENTIALS,        /* credential events of one user that need the password */
    QUOTA_USER_SESSION_ENDS,       /* of those that do not */
    QUOTA_USER_INVITATIONS,        /* invitations that one user sends */
    QUOTA_UNCONFIRMED_INVITATIONS, /* of them, while the own address is unconfirmed: such accounts
                                      cost nothing */
    QUOTA_ADDRESS_INVITATIONS,     /* invitations to one mail address */
    QUOTA_ADDRESS_REGISTRATIONS,   /* letters that open an account for one mail address */
    /* What is told in a time: beyond it nothing is made, and nobody is refused. */
    QUOTA_SENDER_NOTIFICATIONS, /* notifications that one user causes of another */
    QUOTA__COUNT
};

/* Once at the start of a process: the numbers come from its settings. */
void quotas_open(const struct config *config);

long quotas_limit(enum quota quota);

/* What the client is told: ERR_QUOTA, or ERR_THROTTLED with RateLimit-* and Retry-After. */
enum err quotas_refuse(struct request *r, enum quota quota);

/*
 * May there be one more than the filter finds?  Reads at most as many index
 * entries as the limit.  Within a change it is exact if the changes that add one
 * share a topic.
 */
enum err quotas_exist(struct request *r, struct store *store, enum quota quota,
                      enum store_name name, const bson_t *filter) MUST_CHECK;

/* As quotas_exist() when it is known how many there are already. */
enum err quotas_have(struct request *r, enum quota quota, int64_t count) MUST_CHECK;

/*
 * Counts one for somebody (NULL: for the whole installation) in the current
 * window; *over when that was one too many.  The count is a document of its own,
 * which no flow of the product removes, and is written outside the store's
 * transaction: many changes write to the same count, and within their transactions
 * they would make each other run again.  So what is refused or undone later is
 * counted too, and never more than the limit gets through.
 */
enum err quotas_count(struct store *store, int64_t now, enum quota quota, const char *who,
                      bool *over) MUST_CHECK;

/*
 * Counts the bytes of a request that changes something for its user, ERR_THROTTLED when there were
 * too many in the window.  One that brings few bytes is counted by chance, as a whole step in due
 * proportion, so that it mostly costs nothing: sums of many steps are exact within a few percent.
 */
enum err quotas_bytes(struct request *r) MUST_CHECK;

/* What is counted, and for whom (NULL: the installation); what: tells those of one change apart. */
struct quota_use {
    enum quota quota;
    const char *who, *what;
};

/* quotas_count() within a change: once, however often a conflict makes it run again. */
enum err quotas_take(struct change *change, const struct quota_use *use, bool *over) MUST_CHECK;

/* quotas_take(), and quotas_refuse() when that was one too many. */
enum err quotas_spend(struct request *r, struct change *change, enum quota quota,
                      const char *who) MUST_CHECK;

#endif
