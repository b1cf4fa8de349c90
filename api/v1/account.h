/*
 * What users and their sessions share: the shape of a user, and the starting of
 * a session.
 */
#ifndef API_V1_ACCOUNT_H
#define API_V1_ACCOUNT_H

#include <bson/bson.h>

#include "api/field.h"

extern const struct shape user_shape;
extern const struct field user_fields[];

/*
 * Within a change: inserts a session for the user and makes the reply of a
 * log-in: {user, accessToken, refreshToken, expiresIn}.
 */
enum err account_open_session(struct request *r, struct change *change, const bson_t *user)
    MUST_CHECK;

/* The same reply for a session that has a new refresh token. */
void account_reply(struct request *r, int status, const bson_t *user, const bson_oid_t *session,
                   const char *refresh_secret);

/* Lower case of an address with one @ and a dot behind; false when it is none. */
bool account_email(struct request *r, const char *typed, const char **out);

/* E.164 ("+" and 8 to 15 digits) without the spaces people type; false when it is none. */
bool account_phone(struct request *r, const char *typed, const char **out);

#endif
