/*
 * Secrets that can be used once, stored as hashes.
 */
#ifndef API_ACCOUNT_ONE_TIME_H
#define API_ACCOUNT_ONE_TIME_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/secrets/token.h"

struct request;
struct change;

/*
 * Within a change: a new secret for a purpose ("reset"), valid for life ms and until the user's
 * next credential event. more: further members of its document; NULL: none.
 */
struct one_time {
    const char *purpose;
    const bson_t *user;
    int64_t life;
    const bson_t *more;
};
enum err one_time_add(struct change *change, const struct one_time *what,
                      char secret[TOKEN_SECRET]) MUST_CHECK;

/* Has there been no credential event since it was made? */
bool one_time_current(const bson_t *token, const bson_t *user);

/*
 * Does a user have that many secrets made since an instant (ms), not counting used ones?  The
 * database counts, so that the response time is the same for all users.
 */
struct one_time_count {
    const char *purpose;
    const bson_t *user;
    int64_t since;
    int count;
    bool current; /* do not count those that a credential event has ended */
};
enum err one_time_reached(struct request *r, const struct one_time_count *what,
                          bool *reached) MUST_CHECK;

/* The document of a secret that a client sent; ERR_BAD_LOGIN if there is none or it has expired. */
enum err one_time_find(struct request *r, const char *purpose, const char *secret,
                       const bson_t **out) MUST_CHECK;

/*
 * Within a change: uses up the secret and the others of its purpose; ERR_BAD_LOGIN if a twin was
 * first.
 */
enum err one_time_use(struct request *r, struct change *change, const bson_t *doc) MUST_CHECK;

/* Within a change: removes a user's secrets of a purpose. */
enum err one_time_forget(struct change *change, const char *purpose,
                         const bson_oid_t *user) MUST_CHECK;

#endif
