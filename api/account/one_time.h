/*
 * Secrets that are good for one use, kept as their hashes.
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
 * Within a change: a new secret for a purpose ("reset"), good for life ms and
 * until the user's next credential event.  more: what else its document shall
 * hold; NULL: nothing.
 */
struct one_time {
    const char *purpose;
    const bson_t *user;
    int64_t life;
    const bson_t *more;
};
enum err one_time_add(struct change *change, const struct one_time *what,
                      char secret[TOKEN_SECRET]) MUST_CHECK;

/* Was there no credential event since it was made? */
bool one_time_current(const bson_t *token, const bson_t *user);

/*
 * Does a user have so many of what was made since an instant (ms), used ones aside?
 * The database counts, so that the answer takes the same time for all.
 */
struct one_time_count {
    const char *purpose;
    const bson_t *user;
    int64_t since;
    int count;
    bool current; /* those that a credential event has ended do not count */
};
enum err one_time_reached(struct request *r, const struct one_time_count *what,
                          bool *reached) MUST_CHECK;

/* The document of a secret that a client sent; ERR_BAD_LOGIN when there is none or it has expired.
 */
enum err one_time_find(struct request *r, const char *purpose, const char *secret,
                       const bson_t **out) MUST_CHECK;

/* Within a change: uses it and its siblings up; ERR_BAD_LOGIN when a twin was faster. */
enum err one_time_use(struct request *r, struct change *change, const bson_t *doc) MUST_CHECK;

/* Within a change: forgets a user's secrets of a purpose. */
enum err one_time_forget(struct change *change, const char *purpose,
                         const bson_oid_t *user) MUST_CHECK;

#endif
