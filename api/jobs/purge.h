/*
 * The end of an account.
 */
#ifndef API_JOBS_PURGE_H
#define API_JOBS_PURGE_H

#include <bson/bson.h>

#include "common/base/err.h"

struct jobs_context;

/* content: {userId}.  Does nothing if the account was reopened in the meantime. */
enum err purge_account(const struct jobs_context *context, const bson_t *content) MUST_CHECK;

#endif
