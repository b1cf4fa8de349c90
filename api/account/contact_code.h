/*
 * Codes that confirm an email address or a phone number, since only its owner reads them.
 */
#ifndef API_ACCOUNT_CONTACT_CODE_H
#define API_ACCOUNT_CONTACT_CODE_H

#include <bson/bson.h>

#include "common/base/err.h"

struct request;
struct change;

#define CONTACT_CODE_TRIES 5 /* attempts at a code of 20 bits; then it is invalid */

enum contact { CONTACT_EMAIL, CONTACT_PHONE, CONTACT__COUNT };

/* Field names and purposes, indexed by enum contact. */
extern const struct contact_name {
    const char *field, *pending, *verified, *purpose;
} contact_names[CONTACT__COUNT];

/*
 * Within a change: sends a code to an address or number that the user has or wants.  ERR_THROTTLED
 * if there were too many in the last hour.
 */
enum err contact_code_send(struct request *r, struct change *change, const bson_t *user,
                           enum contact contact, const char *value) MUST_CHECK;

#endif
