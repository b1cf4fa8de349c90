/*
 * Projects that sessions with `all` follow later, as their users gain rights.
 */
#ifndef PUSH_CLIENTS_FOLLOW_ALL_JOIN_H
#define PUSH_CLIENTS_FOLLOW_ALL_JOIN_H

#include <stdint.h>

struct topic;

/*
 * The user may see a project now, since an event `member.added` on it: sessions that follow `all`
 * and are on the user's topic follow it from there.
 */
void follow_all_join_project(struct topic *user, const char *project);

/* The same for everybody, since the event `project.updated` of that revision opened it. */
void follow_all_join_opened(const char *project, int64_t rev);

#endif
