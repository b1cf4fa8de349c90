/*
 * /v1/projects/{id}/members: who has which role.  Each change is an event of
 * the project and of the user it concerns.
 */
#include "api/v1/handlers.h"

#include <string.h>

#include "api/crud.h"
#include "api/doc.h"
#include "api/reply.h"
#include "api/request.h"
#include "api/v1/account.h"
#include "api/v1/members.h"
#include "api/v1/projects.h"
#include "common/json.h"

#define MEMBERS_MAX 10000 /* of one project */

static const char *const roles[] = {"viewer", "commenter", "member", "admin", "owner", NULL};

/* clang-format off */
static const struct field add_fields[] = {
    {"email", TEXT,   MUST_SET, 3, 254},
    {"role",  CHOICE, MAY_SET,  .choices = roles, .fallback = "\"member\""},
    {NULL},
};
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
const struct shape member_add_shape = {"MemberByEmail", add_fields};
const struct shape member_put_shape = {"MemberRole", put_fields};

void
members_write_one(struct text *out, const bson_oid_t *user, enum role role, const char *name,
                  const char *more)
{
    char hex[25];

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

/* {_id: {$in: [the members]}} */
static bson_t *
members_filter(struct request *r, const bson_t *project)
{
    bson_t *filter = request_keep(r, bson_new()), in, ids;
    bson_iter_t iter, list, id;
    char key[16];
    int n = 0;

    BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &in);
    BSON_APPEND_ARRAY_BEGIN(&in, "$in", &ids);
    if (bson_iter_init_find(&iter, project, "members") && bson_iter_recurse(&iter, &list))
        while (bson_iter_next(&list))
            if (bson_iter_recurse(&list, &id) && bson_iter_find(&id, "userId")) {
                snprintf(key, sizeof(key), "%d", n++);
                BSON_APPEND_OID(&ids, key, bson_iter_oid(&id));
            }
    bson_append_array_end(&in, &ids);
    bson_append_document_end(filter, &in);
    return filter;
}

enum err
members_write(struct request *r, struct text *out, const bson_t *project, const char *more)
{
    struct listing l = {out, project, more, 0};
    bson_t *opts = request_keep(r, BCON_NEW("projection", "{", "name", BCON_BOOL(true), "}", "sort",
                                            "{", "_id", BCON_INT32(1), "}"));

    return store_find(r->store, STORE_USERS, members_filter(r, project), opts, list_user, &l);
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
        (err = crud_project(r, &id, ACTION_READ, &project)) != ERR_NONE)
        return err;
    if (doc_has(project, "deletedAt"))
        return ERR_NOT_FOUND;
    out = reply_json(r, 200);
    text_puts(out, "{\"items\":[");
    err = members_write(r, out, project, "");
    text_puts(out, "],\"nextCursor\":null}");
    return err;
}

/* One member's change on its way through the transaction. */
struct work {
    struct request *r;
    bson_oid_t project, user;
    const char *role; /* NULL: remove */
    const char *name;
    bool must_be_new;
    int user_topic;
};

/* Is the caller allowed to make this of that? */
static enum err
judge(struct work *w, const bson_t *project, enum role before)
{
    struct request *r = w->r;
    enum role own = access_role(project, &r->user_id);
    bool self = bson_oid_equal(&w->user, &r->user_id);
    bool touches_owner = before == ROLE_OWNER || (w->role && role_named(w->role) == ROLE_OWNER);

    if (own == ROLE_NONE || doc_has(project, "deletedAt"))
        return ERR_NOT_FOUND;
    if (doc_flag(project, "inbox"))
        return request_fail(r, ERR_FORBIDDEN, "the personal project is not shared");
    if (!(self && w->role == NULL) && own < ROLE_ADMIN)
        return ERR_FORBIDDEN;
    if (touches_owner && own != ROLE_OWNER)
        return request_fail(r, ERR_FORBIDDEN, "only an owner makes or unmakes owners");
    if (w->role == NULL && before == ROLE_NONE)
        return ERR_NOT_FOUND;
    if (w->must_be_new && before != ROLE_NONE)
        return request_fail(r, ERR_CONFLICT, "this user is a member already");
    if (before == ROLE_OWNER && (w->role == NULL || role_named(w->role) != ROLE_OWNER) &&
        access_owners(project) == 1)
        return request_fail(r, ERR_CONFLICT, "the last owner stays");
    return ERR_NONE;
}

static void
append_member(bson_t *list, int n, const bson_oid_t *user, const char *role)
{
    bson_t member;
    char key[16];

    snprintf(key, sizeof(key), "%d", n);
    BSON_APPEND_DOCUMENT_BEGIN(list, key, &member);
    BSON_APPEND_OID(&member, "userId", user);
    BSON_APPEND_UTF8(&member, "role", role);
    bson_append_document_end(list, &member);
}

/* The members list with the one changed, added or left out. */
static bson_t *
new_members(struct work *w, const bson_t *project)
{
    bson_t *set = request_keep(w->r, bson_new()), list;
    bson_iter_t iter, items, id, role;
    bool there = false;
    int n = 0;

    BSON_APPEND_ARRAY_BEGIN(set, "members", &list);
    if (bson_iter_init_find(&iter, project, "members") && bson_iter_recurse(&iter, &items)) {
        while (bson_iter_next(&items)) {
            bool same;

            if (!bson_iter_recurse(&items, &id) || !bson_iter_find(&id, "userId") ||
                !bson_iter_recurse(&items, &role) || !bson_iter_find(&role, "role"))
                continue;
            same = bson_oid_equal(bson_iter_oid(&id), &w->user);
            there = there || same;
            if (!same)
                append_member(&list, n++, bson_iter_oid(&id), bson_iter_utf8(&role, NULL));
            else if (w->role != NULL)
                append_member(&list, n++, &w->user, w->role);
        }
    }
    if (!there && w->role != NULL)
        append_member(&list, n++, &w->user, w->role);
    bson_append_array_end(set, &list);
    return set;
}

static enum err
save(struct work *w, struct change *change, const bson_t *project, int64_t rev)
{
    bson_t *set = new_members(w, project), *after, *filter;
    enum err err;

    BSON_APPEND_INT64(set, "rev", rev);
    BSON_APPEND_DATE_TIME(set, "updatedAt", change_now(change));
    BSON_APPEND_OID(set, "updatedBy", &w->r->user_id);
    after = request_keep(w->r, doc_merge(project, set));
    filter = request_keep(w->r, BCON_NEW("_id", BCON_OID(&w->project)));
    err = store_replace(change_store(change), STORE_PROJECTS, filter, after, NULL);
    return err;
}

static enum err
change_member(struct change *change, void *arg)
{
    struct work *w = arg;
    struct request *r = w->r;
    const bson_t *project;
    enum err err = crud_get(r, STORE_PROJECTS, &w->project, &project);
    enum role before = err == ERR_NONE ? access_member(project, &w->user) : ROLE_NONE;
    enum event_kind kind = w->role == NULL       ? EVENT_MEMBER_REMOVED
                           : before == ROLE_NONE ? EVENT_MEMBER_ADDED
                                                 : EVENT_MEMBER_UPDATED;
    int64_t rev;

    if (err != ERR_NONE || (err = judge(w, project, before)) != ERR_NONE)
        return err;
    if (w->role != NULL)
        members_write_one(reply_json(r, before == ROLE_NONE && w->must_be_new ? 201 : 200),
                          &w->user, role_named(w->role), w->name, "");
    else if ((err = reply_empty(r, 204)) != ERR_NONE)
        return err;
    if (w->role != NULL && role_named(w->role) == before)
        return ERR_NONE;
    rev = doc_int(project, "rev") + 1;
    if ((err = save(w, change, project, rev)) != ERR_NONE)
        return err;
    for (int topic = 0; err == ERR_NONE && topic < 2; topic++)
        err = projects_tell_member(r, change, topic, kind, &w->project, &w->user, w->name,
                                   role_names[before], w->role, rev);
    return err;
}

/* The rights first, so that nobody learns which users exist by trying. */
static enum err
check_caller(struct request *r, struct work *w)
{
    const bson_t *project;
    bool leaving = w->role == NULL && bson_oid_equal(&w->user, &r->user_id);

    return crud_project(r, &w->project, leaving ? ACTION_READ : ACTION_MANAGE, &project);
}

static enum err
run(struct request *r, struct work *w)
{
    char hex[25];
    struct change_plan plan = {.topic_count = 2, .fn = change_member, .arg = w};

    bson_oid_to_string(&w->user, hex);
    plan.topics[0] = crud_topic(r, &w->project);
    plan.topics[1] = arena_printf(r->arena, "user:%s", hex);
    return request_change(r, &plan);
}

enum err
members_add(struct request *r)
{
    struct work w = {.r = r, .must_be_new = true, .role = ""};
    bson_t *body = request_keep(r, bson_new()), *filter, *user;
    const char *email;
    char hex[25];
    enum err err;

    if ((err = request_id_arg(r, 0, &w.project)) != ERR_NONE ||
        (err = check_caller(r, &w)) != ERR_NONE ||
        (err = doc_read(r, DOC_CREATE, add_fields, r->json, body)) != ERR_NONE)
        return err;
    if (!account_email(r, doc_text(body, "email"), &email)) {
        request_complain(r, "/email", "format", "must be a mail address");
        return ERR_INVALID;
    }
    filter = request_keep(r, BCON_NEW("email", BCON_UTF8(email)));
    err = store_get(r->store, STORE_USERS, filter, NULL, &user);
    if (err == ERR_NOT_FOUND) {
        request_complain(r, "/email", "not-found", "must be the address of a user");
        return ERR_INVALID;
    }
    if (err != ERR_NONE)
        return err;
    request_keep(r, user);
    w.user = *doc_id(user, "_id");
    w.name = doc_text(user, "name");
    w.role = doc_text(body, "role");
    bson_oid_to_string(&w.user, hex);
    r->reply.location = arena_printf(r->arena, "/v1/projects/%s/members/%s", r->args[0], hex);
    return run(r, &w);
}

enum err
members_put(struct request *r)
{
    struct work w = {.r = r, .role = ""};
    bson_t *body = request_keep(r, bson_new());
    const bson_t *user;
    enum err err;

    if ((err = request_id_arg(r, 0, &w.project)) != ERR_NONE ||
        (err = request_id_arg(r, 1, &w.user)) != ERR_NONE ||
        (err = check_caller(r, &w)) != ERR_NONE ||
        (err = doc_read(r, DOC_CREATE, put_fields, r->json, body)) != ERR_NONE ||
        (err = crud_get(r, STORE_USERS, &w.user, &user)) != ERR_NONE)
        return err;
    w.name = doc_text(user, "name");
    w.role = doc_text(body, "role");
    return run(r, &w);
}

enum err
members_remove(struct request *r)
{
    struct work w = {.r = r, .name = ""};
    enum err err;

    if ((err = request_id_arg(r, 0, &w.project)) != ERR_NONE ||
        (err = request_id_arg(r, 1, &w.user)) != ERR_NONE ||
        (err = check_caller(r, &w)) != ERR_NONE)
        return err;
    return run(r, &w);
}

/* The member of the highest role but one; ERR_NOT_FOUND when there is none. */
static enum err
find_heir(const bson_t *project, const bson_oid_t *leaving, bson_oid_t *heir, enum role *role)
{
    bson_iter_t iter, items, id;

    *role = ROLE_NONE;
    if (bson_iter_init_find(&iter, project, "members") && bson_iter_recurse(&iter, &items))
        while (bson_iter_next(&items))
            if (bson_iter_recurse(&items, &id) && bson_iter_find(&id, "userId") &&
                !bson_oid_equal(bson_iter_oid(&id), leaving) &&
                access_member(project, bson_iter_oid(&id)) > *role) {
                *heir = *bson_iter_oid(&id);
                *role = access_member(project, heir);
            }
    return *role == ROLE_NONE ? ERR_NOT_FOUND : ERR_NONE;
}

/* Tells the project, and the member on the own topic. */
static enum err
tell(struct work *w, struct change *change, int own_topic, enum role before, int64_t rev)
{
    enum event_kind kind = w->role == NULL ? EVENT_MEMBER_REMOVED : EVENT_MEMBER_UPDATED;
    enum err err = projects_tell_member(w->r, change, 0, kind, &w->project, &w->user, w->name,
                                        role_names[before], w->role, rev);

    if (err != ERR_NONE)
        return err;
    return projects_tell_member(w->r, change, own_topic, kind, &w->project, &w->user, w->name,
                                role_names[before], w->role, rev);
}

static enum err
make_heir(struct request *r, struct change *change, const bson_t *project,
          const bson_oid_t *leaving)
{
    struct work w = {.r = r, .project = *doc_id(project, "_id"), .role = "owner"};
    int64_t rev = doc_int(project, "rev") + 1;
    char hex[25], topic[EVENT_TOPIC];
    const bson_t *user;
    enum role before;
    int own;
    enum err err = find_heir(project, leaving, &w.user, &before);

    if (err != ERR_NONE || (err = crud_get(r, STORE_USERS, &w.user, &user)) != ERR_NONE)
        return err;
    w.name = doc_text(user, "name");
    bson_oid_to_string(&w.user, hex);
    bson_snprintf(topic, sizeof(topic), "user:%s", hex);
    if ((err = save(&w, change, project, rev)) != ERR_NONE ||
        (err = change_join_topic(change, topic, &own)) != ERR_NONE)
        return err;
    return tell(&w, change, own, before, rev);
}

enum err
members_drop(struct request *r, struct change *change, const bson_t *project,
             const bson_oid_t *user)
{
    struct work w = {.r = r, .project = *doc_id(project, "_id"), .user = *user, .name = ""};
    enum role before = access_member(project, user);
    int64_t rev;
    enum err err = ERR_NONE;

    if (before == ROLE_OWNER && access_owners(project) == 1 &&
        ((err = make_heir(r, change, project, user)) != ERR_NONE ||
         (err = crud_get(r, STORE_PROJECTS, &w.project, &project)) != ERR_NONE))
        return err;
    rev = doc_int(project, "rev") + 1;
    err = save(&w, change, project, rev);
    return err == ERR_NONE ? tell(&w, change, 1, before, rev) : err;
}
