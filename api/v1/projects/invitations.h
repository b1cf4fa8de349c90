/*
 * Invitations: functions shared by registration, the jobs and the replies to invitations.
 */
#ifndef API_V1_PROJECTS_INVITATIONS_H
#define API_V1_PROJECTS_INVITATIONS_H

#include <bson/bson.h>

#include "api/crud/resource.h"
#include "common/change/event.h"

#define INVITATION_MS (7LL * 86400 * 1000) /* valid for seven days */

struct change;
struct request;

extern const char *const invitation_roles[];

/* The invitation with a secret; ERR_NOT_FOUND if there is none, or it has ended. */
enum err invitations_find(struct request *r, const char *secret, const bson_t **out) MUST_CHECK;

/*
 * Can it still be accepted?  ERR_NOT_FOUND if its project is gone or in the trash; ERR_CONFLICT if
 * the project is archived, or the inviter may no longer invite.  The request owns project and
 * inviter, which may be NULL if not needed.
 */
enum err invitations_check(struct request *r, const bson_t *invitation, const bson_t **project,
                           const bson_t **inviter) MUST_CHECK;

/*
 * Within a change whose plan names the project's topic, possibly as its last one: uses up the
 * invitation and makes the user a member.  ERR_NOT_FOUND if it has been used, declined, replaced or
 * withdrawn since it was found; ERR_CONFLICT as for invitations_check(), or if the user has such a
 * role already; ERR_QUOTA, with nothing stored, if the project is full. user is the stored
 * document.
 */
enum err invitations_take(struct request *r, struct change *change, const bson_t *invitation,
                          const bson_t *user, int user_topic) MUST_CHECK;

/*
 * Within a change that has planned the project's topic: removes the invitation and the notification
 * of the invited account.  Appends its event.
 */
enum err invitations_end(struct request *r, struct change *change, const bson_t *invitation,
                         enum event_kind kind) MUST_CHECK;

/* The invitation as this change sees it; ERR_NOT_FOUND if it has ended or has another secret. */
enum err invitations_again(struct request *r, const bson_t *seen, const bson_t **out) MUST_CHECK;

#endif
