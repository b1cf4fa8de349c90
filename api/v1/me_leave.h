/*
 * Leaving: an account is closed at once and deleted after a time of grace.
 */
#ifndef API_V1_ME_LEAVE_H
#define API_V1_ME_LEAVE_H

#include <bson/bson.h>

#include "common/err.h"

struct request;
struct change;

/* Within a log-in's change: who logs in again within the time of grace stays. */
enum err me_stay(struct request *r, struct change *change, const bson_t *user) MUST_CHECK;

#endif
