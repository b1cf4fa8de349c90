/*
 * The log of ended sessions: one entry for each session that was ended individually, and one entry
 * for all sessions of a user that were opened under older credentials, however many.  Entries are
 * numbered in commit order without gaps, so a reader that follows the numbers misses none, whatever
 * the hosts' clocks say.
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
        REVOKED_GENERATION, /* all up to `generation`, except `session` if not zero */
    } kind;
    bson_oid_t user;
    int64_t generation;
    bson_oid_t session;
};

/* Adds an entry; within a change whose plan names the topic as its last. */
enum err revocation_add(struct change *change, const struct revocation *r) MUST_CHECK;

/* How far a reader has read; starts as all zero. */
struct revocation_reader {
    bool begun;
    int64_t last;        /* the newest number read */
    int64_t stuck_since; /* clock_steady(); 0: nothing is missing */
    int64_t checked;     /* clock_steady(): when the topic's number was last compared */
};

/*
 * Calls each() for all new entries, the first time for all that exist.  An entry may be passed more
 * than once.
 */
enum err revocation_read(struct store *store, struct revocation_reader *reader,
                         void (*each)(void *arg, const struct revocation *r), void *arg) MUST_CHECK;

#endif
