/*
 * The letter with a token for a new password.
 */
#ifndef API_JOBS_RESET_H
#define API_JOBS_RESET_H

#include <bson/bson.h>

#include "common/base/err.h"

struct jobs_context;

/* content: {email, ip, requestId}.  Queues the letter once, or does nothing when the address is
 * nobody's. */
enum err reset_letter(const struct jobs_context *context, const bson_t *content) MUST_CHECK;

#endif
