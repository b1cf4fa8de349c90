/*
 * /v1/projects/{id}/members: who has which role.  Each change is an event of
 * the project and of the user it concerns.
 */
#include "api/v1/handlers.h"

#include <string.h>

#include "api/access/api_token_auth.h"
#include "api/access/project_access.h"
#include "api/crud/entity.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/quotas.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/notifications.h"
#include "api/v1/projects/members.h"
#include "api/v1/projects/projects.h"
#include "api/v1/tasks/subscriptions.h"
#include "common/base/id.h"
#include "common/text/json.h"

static const char *const roles[] = {"viewer", "commenter", "member", "admin", "owner", NULL};

/* clang-format off */
const struct field member_fields[] = {
    {"userId", REF,    0},
    {"role",   CHOICE, 0, .choices = roles},
    {"name",   TEXT,   0},
    {NULL},
};
static const struct field put_fields[] = {
    {"role",  CHOICE, MUST_SET, .choices = roles},
    {NULL},
};
/* clang-format on */

const struct shape member_shape = {"Member", member_fields};
const struct shape member_put_shape = {"MemberRole", put_fields};

void
members_write_one(struct text *out, const bson_oid_t *user, enum role role, const char *name,
                  const char *more)
{
    char hex[ID_TEXT];

    bson_oid_to_string(user, hex);
    text_printf(out, "{\"userId\":\"%s\",\"role\":\"%s\",\"name\":", hex, role_names[role]);
    json_string(out, name, strlen(name));
    text_puts(out, more);
    text_putc(out, '}');
}

struct listing {
    struct text *out;
    const bson_t *project;
    const char *more;
    int count;
};

static enum err
list_user(void *arg, const bson_t *user)
{
    struct listing *l = arg;
    const bson_oid_t *id = doc_id(user, "_id");
    enum role role = access_member(l->project, id);

    if (role == ROLE_NONE)
        return ERR_NONE;
    if (l->count++ > 0)
        text_putc(l->out, ',');
    members_write_one(l->out, id, role, doc_text(user, "name"), l->more);
    return ERR_NONE;
}

enum err
members_write(struct request *r, struct text *out, const bson_t *project, const char *more)
{
    struct listing l = {out, project, more, 0};
    bson_t *opts = request_keep(r, BCON_NEW("projection", "{", "name", BCON_BOOL(true), "}", "sort",
                                            "{", "_id", BCON_INT32(1), "}"));
    bson_t *ids = request_keep(r, access_member_ids(project));
    bson_t *filter = request_keep(r, BCON_NEW("_id", "{", "$in", BCON_ARRAY(ids), "}"));

    return store_find(r->store, &(struct store_query){STORE_USERS, filter, opts}, list_user, &l);
}

enum err
members_list(struct request *r)
{
    const bson_t *project;
    struct text *out;
    bson_oid_t id;
    enum err err;

    if ((err = request_id_arg(r, 0, &id)) != ERR_NONE ||
        (err = request_params_done(r)) != ERR_NONE ||
        (err = project_access_living(r, &id, ACTION_READ, &project)) != ERR_NONE)
        return err;
    out = reply_json(r, 200);
    text_puts(out, "{\"items\":[");
    err = members_write(r, out, project, "");
    text_puts(out, "],\"nextCursor\":null}");
    return err;
}

/* The change of one member during its transaction. */
struct member_edit {
    struct request *r;
    bson_oid_t project, user;
    const char *role; /* NULL: remove */
    const char *name; /* the user's; NULL: there is no such user */
    bool acquainted;  /* the caller shares another project with the user */
};

/* Everyone may join an open project, with at most the role that it gives to everyone. */
static bool
may_join(const struct member_edit *w, const bson_t *project)
{
    return w->role != NULL && bson_oid_equal(&w->user, &w->r->user_id) &&
           access_open(project) != ROLE_NONE && role_named(w->role) <= access_open(project) &&
           access_member(project, &w->user) == ROLE_NONE;
}

/* The same detail whether or not the user exists. */
static enum err
refuse_stranger(struct request *r)
{
    return request_fail(r, ERR_NOT_FOUND,
                        "there is no such member; people with whom you share no project need an "
                        "invitation");
}

/* May the caller make this change? */
static enum err
judge(struct member_edit *w, const bson_t *project, enum role before)
{
    struct request *r = w->r;
    enum role own = project_access_role(r, project);
    bool self = bson_oid_equal(&w->user, &r->user_id);
    bool touches_owner = before == ROLE_OWNER || (w->role && role_named(w->role) == ROLE_OWNER);

    if (own == ROLE_NONE || doc_has(project, "deletedAt"))
        return ERR_NOT_FOUND;
    if (doc_flag(project, "inbox"))
        return request_fail(r, ERR_FORBIDDEN, "the personal project cannot be shared");
    if (may_join(w, project))
        return ERR_NONE;
    if (!(self && w->role == NULL) && own < ROLE_ADMIN)
        return ERR_FORBIDDEN;
    if (touches_owner && own != ROLE_OWNER)
        return request_fail(r, ERR_FORBIDDEN, "only an owner can add, change or remove owners");
    if (before == ROLE_NONE && w->role == NULL)
        return ERR_NOT_FOUND;
    if (w->name == NULL || (before == ROLE_NONE && !w->acquainted))
        return refuse_stranger(r);
    return ERR_NONE;
}

/* A project must keep an owner whose account is open. */
static enum err
judge_owners(struct member_edit *w, const bson_t *project, enum role before)
{
    bool other;
    enum err err;

    if (before != ROLE_OWNER || (w->role != NULL && role_named(w->role) == ROLE_OWNER))
        return ERR_NONE;
    err = members_other_owner(w->r, project, &w->user, &other);
    return err != ERR_NONE || other
               ? err
               : request_fail(w->r, ERR_CONFLICT, "a project must keep at least one owner");
}

/* Appends {userId} or {userId, role}. */
static void
append_member(bson_t *out, const char *name, const struct membership *m, bool role)
{
    bson_t member;

    BSON_APPEND_DOCUMENT_BEGIN(out, name, &member);
    BSON_APPEND_OID(&member, "userId", m->user);
    if (role)
        BSON_APPEND_UTF8(&member, "role", m->role);
    bson_append_document_end(out, &member);
}

/*
 * Adds, changes or removes one member.  Does not write the whole list: the replication log would
 * contain a large project's list again for every change.
 */
static enum err
store_member(struct request *r, struct change *change, const bson_t *project,
             const struct membership *m)
{
    bson_t *filter = request_keep(r, BCON_NEW("_id", BCON_OID(doc_id(project, "_id")))), one;
    bson_t *set = request_keep(r, bson_new());
    bson_t *update = request_keep(r, bson_new());
    bool leaves = m->role == NULL;
    int64_t matched = 0;
    enum err err;

    entity_stamp(set, project, change_now(change));
    BSON_APPEND_OID(set, "updatedBy", &r->user_id);
    if (leaves || access_member(project, m->user) == ROLE_NONE) {
        BSON_APPEND_DOCUMENT_BEGIN(update, leaves ? "$pull" : "$push", &one);
        append_member(&one, "members", m, !leaves);
        bson_append_document_end(update, &one);
    } else {
        BSON_APPEND_OID(filter, "members.userId", m->user);
        BSON_APPEND_UTF8(set, "members.$.role", m->role);
    }
    BSON_APPEND_DOCUMENT(update, "$set", set);
    err = store_update(change_store(change), STORE_PROJECTS, filter, update, &matched);
    return err == ERR_NONE && matched == 0 ? ERR_RETRY : err;
}

/*
 * A new member needs room and an open account.  Closing an account takes a number of the user's
 * topic, as does this change: so an account that is open here will find this membership when it is
 * closed.
 */
static enum err
check_new(struct request *r, struct change *change, const bson_t *project,
          const struct membership *m)
{
    const bson_t *user;
    bson_t *theirs;
    enum err err;

    if (m->role == NULL || access_member(project, m->user) != ROLE_NONE)
        return ERR_NONE;
    err = request_fetch(r, STORE_USERS, m->user, &user);
    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? refuse_stranger(r) : err;
    if (doc_has(user, "deletedAt"))
        return refuse_stranger(r);
    if ((err = quotas_check(r, QUOTA_PROJECT_MEMBERS, access_members(project))) != ERR_NONE)
        return err;
    theirs = request_keep(r, BCON_NEW("members.userId", BCON_OID(m->user)));
    return quotas_exist(r, change_store(change), QUOTA_USER_MEMBERSHIPS, STORE_PROJECTS, theirs);
}

enum err
members_store(struct request *r, struct change *change, const bson_t *project,
              const struct membership *m)
{
    struct member_event event = {.project = doc_id(project, "_id"),
                                 .user = m->user,
                                 .name = m->name,
                                 .before = role_names[access_member(project, m->user)],
                                 .role = m->role,
                                 .rev = entity_next_rev(project)};
    enum err err = check_new(r, change, project, m);

    if (err != ERR_NONE || (err = store_member(r, change, project, m)) != ERR_NONE ||
        (m->role == NULL &&
         ((err = notifications_leave(r, change, event.project, m->user)) != ERR_NONE ||
          (err = subscriptions_leave(r, change, event.project, m->user)) != ERR_NONE)) ||
        (err = projects_member_event(change, m->project_topic, &event)) != ERR_NONE)
        return err;
    return projects_member_event(change, m->user_topic, &event);
}

static enum err
change_member(struct change *change, void *arg)
{
    struct member_edit *w = arg;
    struct request *r = w->r;
    struct membership m = {&w->user, w->name, w->role, 0, 1};
    const bson_t *project;
    enum err err = request_fetch(r, STORE_PROJECTS, &w->project, &project);
    enum role before = err == ERR_NONE ? access_member(project, &w->user) : ROLE_NONE;

    if (err != ERR_NONE || (err = judge(w, project, before)) != ERR_NONE ||
        (err = judge_owners(w, project, before)) != ERR_NONE)
        return err;
    if (w->role != NULL)
        members_write_one(reply_json(r, 200), &w->user, role_named(w->role), w->name, "");
    else if ((err = reply_empty(r, 204)) != ERR_NONE)
        return err;
    if (w->role != NULL && role_named(w->role) == before)
        return ERR_NONE;
    /*
     * Adding users without their consent could be used to harass them, so it counts as an
     * invitation.
     */
    if (before == ROLE_NONE && !bson_oid_equal(&w->user, &r->user_id) &&
        (err = quotas_spend(r, change, QUOTA_USER_INVITATIONS, r->user)) != ERR_NONE)
        return err;
    return members_store(r, change, project, &m);
}

/* The rights come first, so that users cannot be discovered by trying ids. */
static enum err
check_caller(struct request *r, struct member_edit *w)
{
    const bson_t *project;
    enum err err = project_access(r, &w->project, ACTION_READ, &project);
    bool leaving = w->role == NULL && bson_oid_equal(&w->user, &r->user_id);

    if (err != ERR_NONE || leaving || (w->role != NULL && may_join(w, project)))
        return err;
    return project_access_check(r, project, ACTION_MANAGE);
}

static enum err
run(struct request *r, struct member_edit *w)
{
    struct change_plan plan = {.topic_count = 2, .fn = change_member, .arg = w};

    plan.topics[0] = request_project_topic(r, &w->project);
    plan.topics[1] = request_user_topic(r, &w->user);
    return request_change(r, &plan);
}

enum err
members_acquainted(struct request *r, const bson_oid_t *user, bool *acquainted)
{
    /* Not $all: the stand-in server does not match documents within an array with it. */
    bson_t *filter =
        request_keep(r, BCON_NEW("members.userId", BCON_OID(user), "$and", "[", "{",
                                 "members.userId", BCON_OID(&r->user_id), "}", "]", "access", "{",
                                 "$ne", "everyone", "}", "deletedAt", BCON_NULL));
    bson_t *opts = request_keep(r, BCON_NEW("projection", "{", "_id", BCON_BOOL(true), "}"));
    bson_t *found;
    enum err err;

    api_token_auth_within(r, "_id", filter);
    err = store_get(r->store, STORE_PROJECTS, filter, opts, &found);
    if (err == ERR_NONE)
        request_keep(r, found);
    *acquainted = err == ERR_NONE;
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

enum err
members_put(struct request *r)
{
    struct member_edit w = {.r = r, .role = ""};
    bson_t *body = request_keep(r, bson_new());
    const bson_t *user;
    enum err err, caller;

    if ((err = request_id_arg(r, 0, &w.project)) != ERR_NONE ||
        (err = request_id_arg(r, 1, &w.user)) != ERR_NONE)
        return err;
    err = doc_read(r, DOC_CREATE, put_fields, r->json, body);
    w.role = err == ERR_NONE ? doc_text(body, "role") : "";
    if ((caller = check_caller(r, &w)) != ERR_NONE)
        return caller;
    if (err != ERR_NONE || (err = members_acquainted(r, &w.user, &w.acquainted)) != ERR_NONE)
        return err;
    err = request_fetch(r, STORE_USERS, &w.user, &user);
    if (err == ERR_NONE)
        w.name = doc_text(user, "name");
    if (err != ERR_NONE && err != ERR_NOT_FOUND)
        return err;
    err = run(r, &w); /* also for nobody, so that it takes as long as for somebody */
    return err == ERR_NOT_FOUND && w.name == NULL ? refuse_stranger(r) : err;
}

enum err
members_remove(struct request *r)
{
    struct member_edit w = {.r = r, .name = ""};
    enum err err;

    if ((err = request_id_arg(r, 0, &w.project)) != ERR_NONE ||
        (err = request_id_arg(r, 1, &w.user)) != ERR_NONE ||
        (err = check_caller(r, &w)) != ERR_NONE)
        return err;
    return run(r, &w);
}

/* The member with the highest role below owner; ERR_NOT_FOUND if there is none. */
static enum err
find_successor(const bson_t *project, const bson_oid_t *leaving, bson_oid_t *successor,
               enum role *role)
{
    bson_iter_t iter, items, id;

    *role = ROLE_NONE;
    if (bson_iter_init_find(&iter, project, "members") && bson_iter_recurse(&iter, &items))
        while (bson_iter_next(&items))
            if (bson_iter_recurse(&items, &id) && bson_iter_find(&id, "userId") &&
                !bson_oid_equal(bson_iter_oid(&id), leaving) &&
                access_member(project, bson_iter_oid(&id)) > *role) {
                *successor = *bson_iter_oid(&id);
                *role = access_member(project, successor);
            }
    return *role == ROLE_NONE ? ERR_NOT_FOUND : ERR_NONE;
}

static enum err
make_owner(struct request *r, struct change *change, const bson_t *project,
           const bson_oid_t *leaving)
{
    struct membership m = {.role = "owner"};
    const bson_t *user;
    bson_oid_t successor;
    enum role before;
    enum err err = find_successor(project, leaving, &successor, &before);

    if (err != ERR_NONE || (err = request_fetch(r, STORE_USERS, &successor, &user)) != ERR_NONE)
        return err;
    m.user = &successor;
    m.name = doc_text(user, "name");
    err = change_join_topic(change, request_user_topic(r, &successor), &m.user_topic);
    if (err != ERR_NONE)
        return err;
    return members_store(r, change, project, &m);
}

static enum err
note_owner(void *arg, const bson_t *project, const bson_oid_t *user, enum role role)
{
    (void)project;
    if (role == ROLE_OWNER)
        doc_array_add_id(arg, user);
    return ERR_NONE;
}

enum err
members_other_owner(struct request *r, const bson_t *project, const bson_oid_t *user, bool *other)
{
    struct doc_array owners = {request_keep(r, bson_new()), 0};
    bson_t *filter, *found;
    bson_t *few = request_keep(r, BCON_NEW("projection", "{", "_id", BCON_BOOL(true), "}"));
    enum err err = access_each(project, note_owner, &owners);

    if (err != ERR_NONE)
        return err;
    filter = request_keep(r, BCON_NEW("_id", "{", "$in", BCON_ARRAY(owners.bson), "$ne",
                                      BCON_OID(user), "}", "deletedAt", BCON_NULL));
    err = store_get(r->store, STORE_USERS, filter, few, &found);
    if (err == ERR_NONE)
        request_keep(r, found);
    *other = err == ERR_NONE;
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

enum err
members_drop(struct request *r, struct change *change, const bson_t *project,
             const bson_oid_t *user)
{
    struct membership m = {.user = user, .name = ""};
    bson_oid_t id = *doc_id(project, "_id");
    enum err err = change_join_topic(change, request_user_topic(r, user), &m.user_topic);

    if (err != ERR_NONE)
        return err;
    if (access_member(project, user) == ROLE_OWNER && access_owners(project) == 1 &&
        ((err = make_owner(r, change, project, user)) != ERR_NONE ||
         (err = request_fetch(r, STORE_PROJECTS, &id, &project)) != ERR_NONE))
        return err;
    return members_store(r, change, project, &m);
}
