/*
 * The job behind a registration by letter.
 */
#ifndef API_JOBS_REGISTRATION_H
#define API_JOBS_REGISTRATION_H

#include <bson/bson.h>

#include "common/base/err.h"

struct jobs_context;

/* content: {email, secret}.  The link to a new address, a notice to the owner of a taken one. */
enum err registration_letter(const struct jobs_context *c, const bson_t *content) MUST_CHECK;

#endif
