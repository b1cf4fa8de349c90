/*
 * The log of ended sessions: an entry for each session that was ended by itself,
 * and one for all sessions of a user that were opened under older credentials,
 * however many.  Entries are numbered in commit order without holes, so whoever
 * reads them by number misses none, whatever any host's clock says.
 */
#ifndef COMMON_CHANGE_REVOCATION_H
#define COMMON_CHANGE_REVOCATION_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct change;
struct store;

#define REVOCATION_TOPIC "revocations" /* a change's last_topic, for revocation_add() */

struct revocation {
    enum revocation_kind {
        REVOKED_SESSION,    /* `session` has ended */
        REVOKED_GENERATION, /* all of `generation` and before, but `session` if it is not zero */
    } kind;
    bson_oid_t user;
    int64_t generation;
    bson_oid_t session;
};

/* Within a change that has the topic as its last: adds an entry. */
enum err revocation_add(struct change *change, const struct revocation *r) MUST_CHECK;

/* How far somebody has read; starts as all zero. */
struct revocation_reader {
    bool begun;
    int64_t last;        /* the newest number read */
    int64_t stuck_since; /* steady us; 0: nothing is missing */
    int64_t checked;     /* steady us: when the topic's number was last compared */
};

/*
 * Calls each() for the entries that are new, the first time for all that there
 * are.  An entry may come more than once.
 */
enum err revocation_read(struct store *store, struct revocation_reader *reader,
                         void (*each)(void *arg, const struct revocation *r), void *arg) MUST_CHECK;

#endif
