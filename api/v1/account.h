/*
 * What users and their sessions share: the shape of a user, and the starting of
 * a session.
 */
#ifndef API_V1_ACCOUNT_H
#define API_V1_ACCOUNT_H

#include <bson/bson.h>

#include "api/field.h"
#include "api/v1/totp.h"

#define NOTICE_MS (24LL * 3600 * 1000) /* a letter that only tells makes sense so long */

extern const struct shape user_shape;
extern const struct field user_fields[];

/*
 * Within a change: inserts a session under the user's credential generation, as
 * it was when the password was checked, and makes the reply of a log-in: {user,
 * accessToken, refreshToken, expiresIn}.  device: the session's name; NULL: what
 * the client says of itself.
 */
enum err account_open_session(struct request *r, struct change *change, const bson_t *user,
                              const char *device) MUST_CHECK;

/* When a session ends that is used now and then no more, or at the latest. */
int64_t account_session_end(const bson_t *session, int64_t now);

/* What the client says of itself, in bounds. */
const char *account_agent(struct request *r);

/*
 * The same reply for a session as it is stored.  Its access token's life counts
 * from the request's beginning: so it cannot outlast what the log of ended
 * sessions remembers, however slow this host is.
 */
void account_reply(struct request *r, int status, const bson_t *user, const bson_t *session,
                   const char *refresh_secret);

/* A login as it is stored: an address in lower case, a number in E.164; else as typed. */
const char *account_login(struct request *r, const char *typed);

/* The user whom an address or a number names; *out is NULL when there is none. */
enum err account_find(struct request *r, const char *login, const bson_t **out) MUST_CHECK;

/*
 * Under which name tries at an account's secrets are counted.  At the log-in: a
 * device that has logged in before counts for itself, all others together for the
 * account, whichever of its logins they use; user NULL: there is no such account.
 */
const char *account_bucket(struct request *r, const bson_t *user, const char *login);

/* Marks the browser as one that has logged in to the account. */
void account_known_device(struct request *r, const bson_t *user);

/* Within a session: for that session alone. */
const char *account_session_bucket(struct request *r);

/* What a body says to prove that it comes from the account's owner. */
struct account_secrets {
    const char *pointer; /* of the password, for complaints */
    const char *password, *code;
};

/*
 * Is it the user's password, and when there is a second factor, a code of it?
 * Complains otherwise: ERR_INVALID; ERR_THROTTLED after too many that were not.
 */
enum err account_prove(struct request *r, const bson_t *user, const struct account_secrets *given,
                       struct totp_proof *proof) MUST_CHECK;

/* Within a change: uses up the code that proved it, if there was one. */
enum err account_use_proof(struct request *r, struct change *change, const bson_t *user,
                           const struct totp_proof *proof) MUST_CHECK;

/* For letters: a name that somebody chose, if it cannot pass for a link; else `otherwise`. */
const char *account_harmless(struct request *r, const char *name, const char *otherwise);

/* For letters: words that somebody chose, with a space for whatever could make a link of them. */
const char *account_unlinked(struct request *r, const char *words);

/* For letters: " Anna" if the name could not lead anybody astray, else "". */
const char *account_greeting(struct request *r, const bson_t *user);

/* Where the request came from, in words. */
const char *account_ip(const struct request *r);

/*
 * The address of a page of the web client.  A token (NULL: none) stands behind
 * the #, which no browser sends and no server logs.
 */
const char *account_link(struct request *r, const char *page, const char *token);

/* Complains of a time zone or a locale that is none. */
void account_judge(struct request *r, const bson_t *body);

/* Does the body ask for the refresh token as a cookie, and may its page do so? */
enum err account_cookie(struct request *r, const bson_t *body) MUST_CHECK;

/* Lower case of an address with one @ and a dot behind; false when it is none. */
bool account_email(struct request *r, const char *typed, const char **out);

/* E.164 without what people put between; false when it is none. */
bool account_phone(struct request *r, const char *typed, const char **out);

#endif
