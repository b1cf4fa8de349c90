/*
 * The fields of a user, and the start of a session.
 */
#ifndef API_ACCOUNT_ACCOUNT_H
#define API_ACCOUNT_ACCOUNT_H

#include <bson/bson.h>

#include "api/crud/resource.h"

extern const struct shape user_shape;
extern const struct field user_fields[];

/*
 * A login in its stored form: an address in lower case, a number in E.164; anything else as typed.
 */
const char *account_login(struct request *r, const char *typed);

/* The user with an address or a number; *out is NULL if there is none. */
enum err account_find(struct request *r, const char *login, const bson_t **out) MUST_CHECK;

/*
 * The name under which attempts at an account's secrets are counted.  At log-in, a device that has
 * logged in before counts separately, and all other devices together for the account, whichever of
 * its logins they use. user NULL: there is no such account.
 */
const char *account_bucket(struct request *r, const bson_t *user, const char *login);

/* Marks the browser as one that has logged in to the account. */
void account_known_device(struct request *r, const bson_t *user);

/* Complains about an invalid time zone or locale. */
void account_check(struct request *r, const bson_t *body);

/* The normal form of an email address; false when it is not one. */
bool account_email(struct request *r, const char *typed, const char **out);

/* The E.164 form of a phone number; false when it is not one. */
bool account_phone(struct request *r, const char *typed, const char **out);

#endif
