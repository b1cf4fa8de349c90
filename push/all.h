/*
 * Following `all`: the user's own topic and every project the user may see, as
 * they come and go.
 */
#ifndef PUSH_ALL_H
#define PUSH_ALL_H

#include <stdbool.h>
#include <stdint.h>

struct all;
struct ev_loop;
struct follow;
struct session;
struct topic;
struct wire_in;

/* What one `all` gathers. */
#define ALL_PROJECTS 5000 /* projects in all, those of a member first */
#define ALL_OPEN     1000 /* of them, projects that are only open to everyone */

void all_open(struct ev_loop *loop);
void all_close(void);

/*
 * op follow of `all`, with or without a cursor of many topics; one before is forgotten.  The
 * sessions of a user share a reading of the list of projects, and many topics are gathered and
 * answered over several turns of the loop.
 */
void all_follow(struct session *s, const struct wire_in *in);

/*
 * No more of it: `all` is freed, and the follows that only it asked for.  Topics asked for by name
 * stay.
 */
void all_forget(struct session *s);

/* What unfollowing a topic by name means to `all`. */
enum all_unfollow {
    ALL_KNOWS_NOT, /* `all` does not follow, or has asked for the topic: its follow decides */
    ALL_SKIPS,     /* it would have asked for the topic, and will not */
    ALL_FULL,      /* so many were named that no more are kept */
};
enum all_unfollow all_unfollow(struct session *s, const char *name);

/* One topic less that the answer waits for.  The answer is given in a later turn of the loop. */
void all_one_less(struct all *all);

/* A follow is about to end: an answer that is being given goes on with the next one. */
void all_passed(struct follow *f);

/* Reads the lists that somebody still waits for: `everyone` was loaded, or a second has gone by. */
void all_ready(void);

/*
 * The user may see a project now, since an event `member.added` on it: sessions with `all` on the
 * user's topic follow it from there.
 */
void all_joined(struct topic *user, const char *project);

/* The same for everybody, since the event `project.updated` of that revision opened it. */
void all_opened(const char *project, int64_t rev);

#endif
