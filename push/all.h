/*
 * Following `all`: the user's own topic and every project the user may see, as
 * they come and go.
 */
#ifndef PUSH_ALL_H
#define PUSH_ALL_H

#include <stdint.h>

struct all;
struct session;
struct wire_in;

/* op follow of `all`, with or without a cursor of many topics.  The session may be closing when it
 * returns. */
void all_follow(struct session *s, const struct wire_in *in);

/* No more of it: `all` is freed, and the follows that only it asked for.  Topics asked for by name
 * stay. */
void all_forget(struct session *s);

/* One topic less that the answer waits for.  With the last one the answer is given: follows of other
 * topics may be gone when it returns, and the session closing. */
void all_one_less(struct all *all);

/* Reads the list of projects for those who still wait for it: when `everyone` has
 * been loaded, and now and then. */
void all_ready(void);

/*
 * The user may see a project now, by the newest event of that kind (and rev,
 * unless it is < 0) on it: follows it from there.  Nothing without `all`, or for a session that is closing.
 */
void all_joined(struct session *s, const char *project, const char *kind, int64_t rev);

#endif
