/*
 * With which event the right to a project began.  Follows wait for that number, and many of them
 * are asked about in one query.
 */
#ifndef PUSH_CLIENTS_JOINS_H
#define PUSH_CLIENTS_JOINS_H

#include <stdint.h>

#include "common/base/id.h"

struct beginnings;
struct follow;
struct session;

/* Follows collected for one query; zeroed except for user and rev it is empty. */
struct joins {
    struct session *session;      /* whose follows they are; NULL: of several */
    unsigned char user[ID_BYTES]; /* for whom the database is asked */
    int64_t rev; /* < 0: the user became a member; else by the project's revision */
    struct beginnings *asked;
};

/* For follows of one session, by its user's memberships. */
void joins_begin(struct joins *j, struct session *s);

/* A waiting follow also waits for the number of its beginning. */
void joins_add(struct joins *j, struct follow *f);

/* Sends the query for those added since the last one. */
void joins_send(struct joins *j);

/* Forgets those that were added since the last query. */
void joins_drop(struct joins *j);

#endif
