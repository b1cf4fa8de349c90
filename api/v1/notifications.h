/*
 * Telling a user of something that concerns him.
 */
#ifndef API_V1_NOTIFICATIONS_H
#define API_V1_NOTIFICATIONS_H

#include <bson/bson.h>

#include "api/crud/resource.h"

extern const struct shape notification_shape;

/* The filter of those that the caller may see; for the request. */
bson_t *notifications_own(struct request *r);

/* What a change to a task or a comment tells to whom. */
struct notification {
    const char *kind, *field; /* tells the users in this list of ids */
    const bson_oid_t *task;
};

/*
 * Within a change: makes the notification, and its event on the user's topic, for
 * each user that the field lists now and did not list before (before may be NULL),
 * except the caller.  One person can cause another at most SENDER_NOTIFICATIONS of them
 * in an hour; beyond that none are made.
 */
enum err notifications_add(struct request *r, struct change *change, const struct notification *n,
                           const bson_t *before, const bson_t *after) MUST_CHECK;

/*
 * Within a change: tells the user of an invitation.  The notification has the
 * invitation's id and goes with it (invitations_end()).
 */
enum err notifications_invited(struct request *r, struct change *change, const bson_t *invitation,
                               const bson_t *project, const bson_oid_t *user) MUST_CHECK;

/*
 * Within the change that moves a task to another project: what users were told
 * of it goes with it, or away for those who may not read that project.  Without
 * events: a notification leads to its task, wherever that is.
 */
enum err notifications_move(struct request *r, struct change *change, const bson_oid_t *task,
                            const bson_t *project) MUST_CHECK;

/* Within a change: what the user was told of the project's tasks is no more; they left it. */
enum err notifications_leave(struct request *r, struct change *change, const bson_oid_t *project,
                             const bson_oid_t *user) MUST_CHECK;

#endif
