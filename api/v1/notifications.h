/*
 * Telling a user of something that concerns him.
 */
#ifndef API_V1_NOTIFICATIONS_H
#define API_V1_NOTIFICATIONS_H

#include <bson/bson.h>

#include "api/field.h"

extern const struct shape notification_shape;

/* The filter of those that the caller may see; for the request. */
bson_t *notifications_own(struct request *r);

/*
 * Within a change: for each user whom the list of ids `field` holds now and did
 * not before (before may be NULL), but for the caller: a notification of the
 * kind about the task, and its event on the user's topic.  Of one person's doing
 * another is told at most SENDER_NOTIFICATIONS times in an hour; beyond that nothing is made.
 */
enum err notifications_add(struct request *r, struct change *change, const char *kind,
                           const char *field, const bson_t *before, const bson_t *after,
                           const bson_oid_t *task) MUST_CHECK;

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
