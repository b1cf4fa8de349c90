/*
 * The email with a token for a new password.
 */
#ifndef API_JOBS_RESET_H
#define API_JOBS_RESET_H

#include <bson/bson.h>

#include "common/base/err.h"

struct jobs_context;

/*
 * content: {email, ip, requestId}.  Queues the email once, or does nothing if no account has the
 * address.
 */
enum err reset_email(const struct jobs_context *context, const bson_t *content) MUST_CHECK;

#endif
