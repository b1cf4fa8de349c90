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

/* op follow of `all`, with or without a cursor of many topics. */
void all_follow(struct session *s, const struct wire_in *in);

/* No more of it; topics asked for by name stay. */
void all_forget(struct session *s);

/* One topic less that the answer waits for. */
void all_one_less(struct all *all);

/* Reads the list of projects for those who still wait for it: when `everyone` has
 * been loaded, and now and then. */
void all_ready(void);

/*
 * The user may see a project now, by the newest event of that kind (and rev,
 * unless it is < 0) on it: follows it from there.  Nothing without `all`.
 */
void all_joined(struct session *s, const char *project, const char *kind, int64_t rev);

#endif
