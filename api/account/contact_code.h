/*
 * Codes that confirm an email address or a phone number, since only its owner reads them.
 */
#ifndef API_ACCOUNT_CONTACT_CODE_H
#define API_ACCOUNT_CONTACT_CODE_H

#include <bson/bson.h>

#include "common/base/err.h"

struct request;
struct change;

#define CONTACT_CODE_TRIES 5 /* of a code of 20 bits; then it is worth nothing */

enum contact { CONTACT_EMAIL, CONTACT_PHONE, CONTACT__COUNT };

/* Field names and purposes, indexed by enum contact. */
extern const struct contact_name {
    const char *field, *pending, *verified, *purpose;
} contact_names[CONTACT__COUNT];

/*
 * Within a change: a code to an address or a number, which is the user's or is
 * to become so.  ERR_THROTTLED when there were too many in the last hour.
 */
enum err contact_code_send(struct request *r, struct change *change, const bson_t *user,
                           enum contact contact, const char *value) MUST_CHECK;

#endif
