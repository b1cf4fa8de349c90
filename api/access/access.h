/*
 * Permissions in a project: one table of actions and roles.
 */
#ifndef API_ACCESS_ACCESS_H
#define API_ACCESS_ACCESS_H

#include <bson/bson.h>

#include "common/base/err.h"

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_COMMENTER, ROLE_MEMBER, ROLE_ADMIN, ROLE_OWNER };

enum action {
    ACTION_READ,    /* the project, its tasks, comments, events */
    ACTION_COMMENT, /* the user's own comments */
    ACTION_WRITE,   /* tasks, import */
    ACTION_MANAGE,  /* settings, members, invitations, others' comments */
    ACTION_OWN,     /* delete and restore the project, make owners */
    ACTION__COUNT
};

/* "viewer" ... "owner"; NULL for ROLE_NONE. */
extern const char *const role_names[];

/* ROLE_NONE if it is not the name of a role. */
enum role role_named(const char *name);

/*
 * The role that an open project gives to every user, its accessRole; ROLE_NONE if it is not open or
 * is in the trash.  A project stored without accessRole gives ROLE_VIEWER.
 */
enum role access_open(const bson_t *project);

/*
 * The user's role in a stored project: the higher of the membership's role and the role that the
 * project gives to everyone, so that leaving a project never increases a user's rights.
 */
enum role access_role(const bson_t *project, const bson_oid_t *user);

/* The role of the user's membership only. */
enum role access_member(const bson_t *project, const bson_oid_t *user);

/* Calls each for every member of a stored project until it fails. */
typedef enum err (*access_member_fn)(void *arg, const bson_t *project, const bson_oid_t *user,
                                     enum role role);
enum err access_each(const bson_t *project, access_member_fn each, void *arg) MUST_CHECK;

/* A new BSON array of the members' ids, which the caller destroys. */
bson_t *access_member_ids(const bson_t *project);

/* How many members the project has. */
int access_members(const bson_t *project);

/* How many owners the project has. */
int access_owners(const bson_t *project);

/* Limits a filter of projects to those in which the user has a role. */
void access_readable(const bson_oid_t *user, bson_t *filter);

/* Limits a filter of projects, which may say so already, to those that are not in the trash. */
void access_living(bson_t *filter);

/*
 * May somebody with this role do it?  ERR_NOT_FOUND without a role: then not even that the project
 * exists may be known; ERR_FORBIDDEN.
 */
enum err access_allows(enum role role, enum action action) MUST_CHECK;

#endif
