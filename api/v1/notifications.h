/*
 * Telling a user of something that concerns him.
 */
#ifndef API_V1_NOTIFICATIONS_H
#define API_V1_NOTIFICATIONS_H

#include <bson/bson.h>

#include "api/field.h"

extern const struct shape notification_shape;

/*
 * Within a change: for each user whom the list of ids `field` holds now and did
 * not before (before may be NULL), but for the caller: a notification of the
 * kind about the task, and its event on the user's topic.
 */
enum err notifications_add(struct request *r, struct change *change, const char *kind,
                           const char *field, const bson_t *before, const bson_t *after,
                           const bson_oid_t *task) MUST_CHECK;

#endif
