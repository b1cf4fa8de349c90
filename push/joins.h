/*
 * Where a right to a project began: follows wait for the number, and many are asked about together.
 */
#ifndef PUSH_JOINS_H
#define PUSH_JOINS_H

#include <stdint.h>

struct beginnings;
struct follow;
struct session;

/* Follows that gather for a question; zeroed but for user and rev it is empty. */
struct joins {
    struct session *session; /* whose follows they are; NULL: of several */
    unsigned char user[12];  /* for whom the database is asked */
    int64_t rev;             /* < 0: the user became a member; else by the project's revision */
    struct beginnings *asked;
};

/* For follows of one session, by its user's memberships. */
void joins_begin(struct joins *j, struct session *s);

/* The follow, which waits, waits for its beginning too. */
void joins_add(struct joins *j, struct follow *f);

/* Asks for those that are added and not yet asked for. */
void joins_send(struct joins *j);

/* Forgets those. */
void joins_drop(struct joins *j);

#endif
