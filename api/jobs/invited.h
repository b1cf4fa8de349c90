/*
 * The job of an invitation.
 */
#ifndef API_JOBS_INVITED_H
#define API_JOBS_INVITED_H

#include <bson/bson.h>

#include "common/base/err.h"

struct jobs_context;

/* content: {invitationId}.  Makes the notification `invited`, at most once. */
enum err invited_notify(const struct jobs_context *c, const bson_t *content) MUST_CHECK;

#endif
