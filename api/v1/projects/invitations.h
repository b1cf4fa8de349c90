/*
 * Invitations: what registration, the jobs and the answers to them share.
 */
#ifndef API_V1_PROJECTS_INVITATIONS_H
#define API_V1_PROJECTS_INVITATIONS_H

#include <bson/bson.h>

#include "api/crud/resource.h"
#include "common/change/event.h"

#define INVITATION_MS (7LL * 86400 * 1000) /* features: good for seven days */

struct change;
struct request;

extern const char *const invitation_roles[];

/* The invitation of a secret that came back; ERR_NOT_FOUND when there is none, or no longer. */
enum err invitations_find(struct request *r, const char *secret, const bson_t **out) MUST_CHECK;

/*
 * Can it still be accepted?  ERR_NOT_FOUND when its project is gone or in the
 * trash; ERR_CONFLICT when the project is archived, or whoever invited may no
 * longer do so.  The request keeps project and inviter, who may be NULL if not
 * wanted.
 */
enum err invitations_judge(struct request *r, const bson_t *invitation, const bson_t **project,
                           const bson_t **inviter) MUST_CHECK;

/*
 * Within a change whose plan names the project's topic, as its last one perhaps: uses
 * the invitation up and makes the user a member.  ERR_NOT_FOUND when it has been used, declined,
 * replaced or withdrawn since it was found; ERR_CONFLICT as invitations_judge()
 * says, or when the user has such a role already; ERR_QUOTA, with nothing stored,
 * when the project is full.  user is the stored document.
 */
enum err invitations_take(struct request *r, struct change *change, const bson_t *invitation,
                          const bson_t *user, int user_topic) MUST_CHECK;

/*
 * Within a change that has planned the project's topic: the invitation is no
 * more, and what the invited account was told of it neither.  Appends its event.
 */
enum err invitations_end(struct request *r, struct change *change, const bson_t *invitation,
                         enum event_kind kind) MUST_CHECK;

/* The invitation as this change sees it; ERR_NOT_FOUND when it is no more, or has another secret.
 */
enum err invitations_again(struct request *r, const bson_t *seen, const bson_t **out) MUST_CHECK;

#endif
