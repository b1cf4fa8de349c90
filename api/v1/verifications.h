/*
 * Addresses and numbers, confirmed by codes that only their owner reads.
 */
#ifndef API_V1_VERIFICATIONS_H
#define API_V1_VERIFICATIONS_H

#include <bson/bson.h>

#include "common/err.h"

struct request;
struct change;

enum contact { CONTACT_EMAIL, CONTACT_PHONE, CONTACT__COUNT };

/* Field names and purposes, indexed by enum contact. */
extern const struct contact_name {
    const char *field, *pending, *verified, *purpose;
} contact_names[CONTACT__COUNT];

/*
 * Within a change: a code to an address or a number, which is the user's or is
 * to become so.  ERR_THROTTLED when there were too many in the last hour.
 */
enum err verifications_send(struct request *r, struct change *change, const bson_t *user,
                            enum contact contact, const char *value) MUST_CHECK;

#endif
