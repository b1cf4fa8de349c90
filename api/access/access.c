/*
 * The table of actions and roles.
 */
#include "api/access/access.h"

#include <string.h>

#include "common/text/doc.h"

const char *const role_names[] = {NULL, "viewer", "commenter", "member", "admin", "owner", NULL};

/* The lowest role that may do each action. */
static const enum role least[ACTION__COUNT] = {
    [ACTION_READ] = ROLE_VIEWER,  [ACTION_COMMENT] = ROLE_COMMENTER, [ACTION_WRITE] = ROLE_MEMBER,
    [ACTION_MANAGE] = ROLE_ADMIN, [ACTION_OWN] = ROLE_OWNER,
};

enum role
role_named(const char *name)
{
    for (int i = ROLE_VIEWER; i <= ROLE_OWNER; i++)
        if (strcmp(name, role_names[i]) == 0)
            return (enum role)i;
    return ROLE_NONE;
}

/* Calls each() for every member until it returns true. */
static void
walk(const bson_t *project, bool (*each)(void *, const bson_oid_t *, enum role), void *arg)
{
    bson_iter_t iter, list, member;

    if (!bson_iter_init_find(&iter, project, "members") || !bson_iter_recurse(&iter, &list))
        return;
    while (bson_iter_next(&list)) {
        const bson_oid_t *user = NULL;
        enum role role = ROLE_NONE;

        if (!bson_iter_recurse(&list, &member))
            continue;
        while (bson_iter_next(&member)) {
            if (BSON_ITER_HOLDS_OID(&member))
                user = bson_iter_oid(&member);
            else if (BSON_ITER_HOLDS_UTF8(&member))
                role = role_named(bson_iter_utf8(&member, NULL));
        }
        if (user != NULL && each(arg, user, role))
            return;
    }
}

struct search {
    const bson_oid_t *user;
    enum role role;
};

static bool
is_user(void *arg, const bson_oid_t *user, enum role role)
{
    struct search *s = arg;

    if (!bson_oid_equal(s->user, user))
        return false;
    s->role = role;
    return true;
}

enum role
access_member(const bson_t *project, const bson_oid_t *user)
{
    struct search s = {user, ROLE_NONE};

    walk(project, is_user, &s);
    return s.role;
}

static const char *
text_of(const bson_t *project, const char *field)
{
    bson_iter_t iter;

    return bson_iter_init_find(&iter, project, field) && BSON_ITER_HOLDS_UTF8(&iter)
               ? bson_iter_utf8(&iter, NULL)
               : "";
}

enum role
access_open(const bson_t *project)
{
    bson_iter_t iter;
    enum role role = role_named(text_of(project, "accessRole"));

    if (strcmp(text_of(project, "access"), "everyone") != 0 ||
        (bson_iter_init_find(&iter, project, "deletedAt") && !BSON_ITER_HOLDS_NULL(&iter)))
        return ROLE_NONE;
    return role == ROLE_NONE ? ROLE_VIEWER : role;
}

enum role
access_role(const bson_t *project, const bson_oid_t *user)
{
    enum role member = access_member(project, user), open = access_open(project);

    return member > open ? member : open;
}

struct visit {
    const bson_t *project;
    access_member_fn each;
    void *arg;
    enum err err;
};

static bool
visit(void *arg, const bson_oid_t *user, enum role role)
{
    struct visit *v = arg;

    v->err = v->each(v->arg, v->project, user, role);
    return v->err != ERR_NONE;
}

enum err
access_each(const bson_t *project, access_member_fn each, void *arg)
{
    struct visit v = {project, each, arg, ERR_NONE};

    walk(project, visit, &v);
    return v.err;
}

static bool
count_owner(void *arg, const bson_oid_t *user, enum role role)
{
    (void)user;
    *(int *)arg += role == ROLE_OWNER;
    return false;
}

static bool
note_id(void *arg, const bson_oid_t *user, enum role role)
{
    (void)role;
    doc_array_add_id(arg, user);
    return false;
}

bson_t *
access_member_ids(const bson_t *project)
{
    struct doc_array ids = {bson_new(), 0};

    walk(project, note_id, &ids);
    return ids.bson;
}

int
access_members(const bson_t *project)
{
    bson_iter_t iter, members;
    int count = 0;

    if (bson_iter_init_find(&iter, project, "members") && bson_iter_recurse(&iter, &members))
        while (bson_iter_next(&members))
            count++;
    return count;
}

int
access_owners(const bson_t *project)
{
    int owners = 0;

    walk(project, count_owner, &owners);
    return owners;
}

enum err
access_allows(enum role role, enum action action)
{
    if (role == ROLE_NONE)
        return ERR_NOT_FOUND;
    return role >= least[action] ? ERR_NONE : ERR_FORBIDDEN;
}

void
access_readable(const bson_oid_t *user, bson_t *filter)
{
    bson_t either, one;

    BSON_APPEND_ARRAY_BEGIN(filter, "$or", &either);
    BSON_APPEND_DOCUMENT_BEGIN(&either, "0", &one);
    BSON_APPEND_OID(&one, "members.userId", user);
    bson_append_document_end(&either, &one);
    BSON_APPEND_DOCUMENT_BEGIN(&either, "1", &one);
    BSON_APPEND_UTF8(&one, "access", "everyone");
    BSON_APPEND_NULL(&one, "deletedAt");
    bson_append_document_end(&either, &one);
    bson_append_array_end(filter, &either);
}

void
access_living(bson_t *filter)
{
    bson_t all, one;

    BSON_APPEND_ARRAY_BEGIN(filter, "$and", &all);
    BSON_APPEND_DOCUMENT_BEGIN(&all, "0", &one);
    BSON_APPEND_NULL(&one, "deletedAt");
    bson_append_document_end(&all, &one);
    bson_append_array_end(filter, &all);
}
