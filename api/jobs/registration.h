/*
 * The job of a registration by email.
 */
#ifndef API_JOBS_REGISTRATION_H
#define API_JOBS_REGISTRATION_H

#include <bson/bson.h>

#include "common/base/err.h"

struct jobs_context;

/*
 * content: {email, secret}.  Sends the link to a new address, or a notice to the owner of a taken
 * one.
 */
enum err registration_email(const struct jobs_context *c, const bson_t *content) MUST_CHECK;

#endif
