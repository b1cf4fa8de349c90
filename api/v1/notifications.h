/*
 * Creating and removing notifications.
 */
#ifndef API_V1_NOTIFICATIONS_H
#define API_V1_NOTIFICATIONS_H

#include <bson/bson.h>

#include "api/crud/resource.h"

extern const struct shape notification_shape;

/* The filter of the notifications that the caller may see; owned by the request. */
bson_t *notifications_own(struct request *r);

/* A kind of notification that a change of a task or a comment causes. */
struct notification {
    const char *kind, *field; /* goes to the users in this list of ids */
    const bson_oid_t *task;
};

/*
 * Within a change: creates the notification, and its event on the user's topic, for each user whom
 * the field lists now and did not list before (before may be NULL), except the caller.  One user
 * can cause at most SENDER_NOTIFICATIONS for another in an hour; above that none are created.
 */
enum err notifications_add(struct request *r, struct change *change, const struct notification *n,
                           const bson_t *before, const bson_t *after) MUST_CHECK;

/*
 * The same for one user.  about: the task, or something of it that has its projectId and perhaps a
 * title.  n->field is not used.
 */
enum err notifications_tell(struct request *r, struct change *change, const struct notification *n,
                            const bson_t *about, const bson_oid_t *user) MUST_CHECK;

/*
 * Within a change: notifies the user of an invitation.  The notification has the invitation's id
 * and is removed with it (invitations_end()).
 */
enum err notifications_invited(struct request *r, struct change *change, const bson_t *invitation,
                               const bson_t *project, const bson_oid_t *user) MUST_CHECK;

/*
 * Within a change: reminds the user of a task.  The request is one of who has set the reminder;
 * what one user causes for another is limited, as above.
 */
enum err notifications_remind(struct request *r, struct change *change, const bson_t *task,
                              const bson_oid_t *user) MUST_CHECK;

/*
 * Within the change that moves tasks (an array of ids) to another project: moves their
 * notifications too, and removes those of users who may not read that project.  There are no events
 * for this: a notification refers to its task, wherever the task is.
 */
enum err notifications_move(struct request *r, struct change *change, const bson_t *tasks_moved,
                            const bson_t *project) MUST_CHECK;

/*
 * Within a change: removes the user's notifications about the project's tasks, since the user has
 * left it.
 */
enum err notifications_leave(struct request *r, struct change *change, const bson_oid_t *project,
                             const bson_oid_t *user) MUST_CHECK;

#endif
