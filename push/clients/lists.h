/*
 * The lists of users' projects, for `all`: one reading at a time for a user, shared by all sessions
 * of that user, and at most one in LISTS_EVERY_US.  While no event can have changed the list, only
 * two numbers are read.
 */
#ifndef PUSH_CLIENTS_LISTS_H
#define PUSH_CLIENTS_LISTS_H

#include <stdbool.h>
#include <stdint.h>

struct ev_loop;
struct projects;
struct session;
struct topic;

#define LISTS_EVERY_US 250000 /* between two readings for one user */
#define LISTS_PROJECTS 5000   /* projects in a list, those of a member first */
#define LISTS_OPEN     1000   /* of these, projects that are only open to everyone */

/* What the lists ask and report. */
struct lists_calls {
    /* Does the session wait for a list, and with which number? */
    bool (*waits)(const struct session *s, uint32_t *number);
    /* The list of its user was read; the session may have stopped waiting meanwhile. */
    void (*listed)(struct session *s, struct projects *list);
};

void lists_open(struct ev_loop *loop, const struct lists_calls *calls);
void lists_close(void);

/* A session of that user waits for a list, whose reading must begin after this call. */
void lists_want(struct topic *user);

/* Tries again what could not be read: `everyone` was loaded, or the database was away. */
void lists_again(void);

/* The last list of that user no longer holds, or its topic is about to be forgotten. */
void lists_forget(struct topic *user);

/* One owner more; one owner less (NULL is fine). */
struct projects *lists_share(struct projects *list);
void lists_drop(struct projects *list);

#endif
