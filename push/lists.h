/*
 * The lists of users' projects, for `all`: one reading at a time for a user, shared by all its
 * sessions, and at most one in LISTS_EVERY_US.  While no event can have changed the list, a reading
 * is only of two numbers.
 */
#ifndef PUSH_LISTS_H
#define PUSH_LISTS_H

#include <stdbool.h>
#include <stdint.h>

struct ev_loop;
struct projects;
struct session;
struct topic;

#define LISTS_EVERY_US 250000 /* between two readings for one user */

/*
 * waits(): does the session wait for a list, and with which number?  listed(): its user's list was
 * read; the session waits, or did when the reading began.
 */
void lists_open(struct ev_loop *loop, bool (*waits)(const struct session *s, uint32_t *number),
                void (*listed)(struct session *s, struct projects *list));
void lists_close(void);

/* A session on that user's topic waits for a list that is read from now on. */
void lists_want(struct topic *user);

/* Tries those again that could not be read: `everyone` was loaded, or the database was away. */
void lists_again(void);

/* The last reading for that user does not hold any more, or its topic goes. */
void lists_forget(struct topic *user);

/* One owner more or less; NULL is fine. */
struct projects *lists_share(struct projects *list);
void lists_drop(struct projects *list);

#endif
