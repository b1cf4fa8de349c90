/*
 * Following `all`: the user's own topic and every project that the user may see.  Projects that
 * come later are in follow_all_join.h.
 */
#ifndef PUSH_CLIENTS_FOLLOW_ALL_H
#define PUSH_CLIENTS_FOLLOW_ALL_H

struct ev_loop;
struct follow;
struct session;
struct wire_in;

void follow_all_open(struct ev_loop *loop);
void follow_all_close(void);

/*
 * op follow of `all`, with or without a cursor of many topics; it replaces an earlier one.  The
 * sessions of a user share a reading of the list of projects, and many topics are asked for and
 * answered over several loop iterations.
 */
void follow_all_begin(struct session *s, const struct wire_in *in);

/* Ends it, and the follows that only it asked for; topics followed by name stay. */
void follow_all_end(struct session *s);

/* What unfollowing a topic by name means to `all`. */
enum follow_all_skip {
    FOLLOW_ALL_NO,    /* nothing: `all` is not followed, or has already asked for the topic */
    FOLLOW_ALL_SKIPS, /* it would have asked for the topic, and no longer will */
    FOLLOW_ALL_FULL,  /* too many were named before the answer: this one cannot be kept */
};
enum follow_all_skip follow_all_skip(struct session *s, const char *name);

/* A follow is about to end: an answer under way goes on with the next one. */
void follow_all_ending(struct follow *f);

#endif
