/*
 * /v1/invitations: replies to invitations.  Anyone with the secret may look at the invitation and
 * decline it.  Accepting requires an account, but not one with the invited email address.  A user
 * who has confirmed that address needs no secret.
 *
 * Every reply and every withdrawal takes a number of the project's topic, so that of several at
 * once exactly one finds the invitation.
 */
#include <string.h>

#include "api/crud/entity.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "api/v1/projects/invitations.h"
#include "api/v1/projects/members.h"
#include "common/base/id.h"
#include "common/secrets/token.h"
#include "common/text/json.h"
#include "common/time/clock.h"

#define MINE_MAX 100 /* per address; the newest are shown */

/* clang-format off */
static const struct field look_fields[] = {
    {"token", TEXT, MUST_SET, 1, 200, .about = "from the link in the email"},
    {NULL},
};
static const struct field answer_fields[] = {
    {"token", TEXT, MAY_SET | NULLABLE, 1, 200, .about = "from the link in the email"},
    {"id",    REF,  MAY_SET | NULLABLE, .about = "an id from GET /v1/invitations, instead of a token"},
    {NULL},
};
static const struct field named_fields[] = {
    {"id",   REF,  0},
    {"name", TEXT, 0},
    {NULL},
};
#define OWN_FIELDS                                          \
    {"id",        REF,     0},                              \
    {"role",      CHOICE,  0, .choices = invitation_roles}, \
    {"expiresAt", INSTANT, 0}
static const struct field own_fields[] = {OWN_FIELDS, {NULL}};
static const struct field seen_fields[] = {
    OWN_FIELDS,
    {"project",   NESTED,  0, .items = named_fields},
    {"inviter",   NESTED,  0, .items = named_fields},
    {NULL},
};
/* clang-format on */

const struct shape invitation_look_shape = {"InvitationToken", look_fields};
const struct shape invitation_answer_shape = {"InvitationAnswer", answer_fields};
const struct shape invitation_seen_shape = {"InvitationSeen", seen_fields};
static const struct shape own_shape = {"InvitationOwn", own_fields}; /* without the names */

static enum err
refuse(struct request *r)
{
    return request_fail(r, ERR_NOT_FOUND,
                        "there is no such invitation: it may have been used, declined, replaced "
                        "or withdrawn, or be older than seven days");
}

static enum err
find(struct request *r, bson_t *filter, const bson_t **out)
{
    bson_t *doc, after;
    enum err err;

    BSON_APPEND_DOCUMENT_BEGIN(filter, "expiresAt", &after);
    BSON_APPEND_DATE_TIME(&after, "$gt", clock_now());
    bson_append_document_end(filter, &after);
    err = store_get(r->store, STORE_INVITATIONS, filter, NULL, &doc);
    if (err == ERR_NONE)
        *out = request_keep(r, doc);
    return err == ERR_NOT_FOUND ? refuse(r) : err;
}

enum err
invitations_find(struct request *r, const char *secret, const bson_t **out)
{
    char hash[TOKEN_HASH];

    token_hash(hash, secret);
    return find(r, request_keep(r, BCON_NEW("tokenHash", BCON_UTF8(hash))), out);
}

enum err
invitations_again(struct request *r, const bson_t *seen, const bson_t **out)
{
    return find(r,
                request_keep(r, BCON_NEW("_id", BCON_OID(doc_id(seen, "_id")), "tokenHash",
                                         BCON_UTF8(doc_text(seen, "tokenHash")))),
                out);
}

enum err
invitations_check(struct request *r, const bson_t *invitation, const bson_t **project,
                  const bson_t **inviter)
{
    const bson_oid_t *by = doc_id(invitation, "createdBy");
    enum role needed =
        role_named(doc_text(invitation, "role")) == ROLE_OWNER ? ROLE_OWNER : ROLE_ADMIN;
    const bson_t *user;
    enum err err = request_fetch(r, STORE_PROJECTS, doc_id(invitation, "projectId"), project);

    if (err == ERR_NOT_FOUND || (err == ERR_NONE && doc_has(*project, "deletedAt")))
        return refuse(r);
    if (err == ERR_NONE)
        err = request_fetch(r, STORE_USERS, by, &user);
    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? refuse(r) : err;
    if (doc_has(user, "deletedAt") || access_member(*project, by) < needed)
        return request_fail(r, ERR_CONFLICT, "the person who invited you can no longer do so");
    if (doc_has(*project, "archivedAt"))
        return request_fail(r, ERR_CONFLICT, "the project is archived");
    if (inviter != NULL)
        *inviter = user;
    return ERR_NONE;
}

enum err
invitations_take(struct request *r, struct change *change, const bson_t *seen, const bson_t *user,
                 int user_topic)
{
    const bson_oid_t *project_id = doc_id(seen, "projectId");
    const bson_t *project, *invitation;
    struct membership m = {.user = doc_id(user, "_id"),
                           .name = doc_text(user, "name"),
                           .role = doc_text(seen, "role"),
                           .user_topic = user_topic};
    enum err err;

    if ((err = change_join_topic(change, request_project_topic(r, project_id), &m.project_topic)) !=
            ERR_NONE ||
        (err = invitations_again(r, seen, &invitation)) != ERR_NONE ||
        (err = invitations_check(r, invitation, &project, NULL)) != ERR_NONE)
        return err;
    if (access_member(project, m.user) >= role_named(m.role))
        return request_fail(r, ERR_CONFLICT, "you are already a member of this project");
    if ((err = members_store(r, change, project, &m)) != ERR_NONE)
        return err;
    return invitations_end(r, change, invitation, EVENT_INVITATION_ACCEPTED);
}

static void
write_named(struct text *out, const char *name, const bson_t *doc)
{
    char hex[ID_TEXT];
    const char *text = doc_text(doc, "name");

    bson_oid_to_string(doc_id(doc, "_id"), hex);
    text_printf(out, ",\"%s\":{\"id\":\"%s\",\"name\":", name, hex);
    json_string(out, text, strlen(text));
    text_putc(out, '}');
}

static void
write_seen(struct text *out, const bson_t *invitation, const bson_t *project, const bson_t *inviter)
{
    struct text names = {0};

    write_named(&names, "project", project);
    write_named(&names, "inviter", inviter);
    doc_write_with(out, &own_shape, invitation, names.bytes);
    text_free(&names);
}

enum err
invitations_look(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    const bson_t *invitation, *project, *inviter;
    enum err err = doc_read(r, DOC_CREATE, look_fields, r->json, body);

    if (err != ERR_NONE ||
        (err = invitations_find(r, doc_text(body, "token"), &invitation)) != ERR_NONE ||
        (err = invitations_check(r, invitation, &project, &inviter)) != ERR_NONE)
        return err;
    write_seen(reply_json(r, 200), invitation, project, inviter);
    return ERR_NONE;
}

struct answer {
    struct request *r;
    const bson_t *invitation, *user;
};

/* The caller's own address, if it is confirmed; NULL: none. */
static const char *
own_address(const bson_t *user)
{
    return doc_has(user, "emailVerifiedAt") ? doc_text(user, "email") : NULL;
}

/* The invitation in the body: by its secret, or by its id for the invited user. */
static enum err
named(struct answer *a, const bson_t *body)
{
    struct request *r = a->r;
    const char *address = a->user == NULL ? NULL : own_address(a->user);

    if (doc_has(body, "token") == doc_has(body, "id")) {
        request_complain(r, "", "required", "must contain either a token or an id");
        return ERR_INVALID;
    }
    if (doc_has(body, "token"))
        return invitations_find(r, doc_text(body, "token"), &a->invitation);
    if (a->user == NULL)
        return ERR_NO_AUTH;
    if (address == NULL)
        return refuse(r);
    return find(
        r,
        request_keep(r, BCON_NEW("_id", BCON_OID(doc_id(body, "id")), "email", BCON_UTF8(address))),
        &a->invitation);
}

static enum err
read_answer(struct answer *a)
{
    struct request *r = a->r;
    bson_t *body = request_keep(r, bson_new());
    enum err err = doc_read(r, DOC_CREATE, answer_fields, r->json, body);

    if (err == ERR_NONE && r->user[0] != '\0')
        err = request_fetch(r, STORE_USERS, &r->user_id, &a->user);
    return err == ERR_NONE ? named(a, body) : err;
}

static enum err
accept(struct change *change, void *arg)
{
    struct answer *a = arg;
    const bson_t *project;
    enum err err = invitations_take(a->r, change, a->invitation, a->user, 1);

    if (err == ERR_NONE)
        err = request_fetch(a->r, STORE_PROJECTS, doc_id(a->invitation, "projectId"), &project);
    return err == ERR_NONE ? entity_reply(a->r, 200, &projects, project) : err;
}

enum err
invitations_accept(struct request *r)
{
    struct answer a = {.r = r};
    struct change_plan plan = {.topic_count = 2, .fn = accept, .arg = &a};
    enum err err = read_answer(&a);

    if (err != ERR_NONE)
        return err;
    plan.topics[0] = request_project_topic(r, doc_id(a.invitation, "projectId"));
    plan.topics[1] = request_user_topic(r, &r->user_id);
    return request_change_invited(r, &plan);
}

static enum err
decline(struct change *change, void *arg)
{
    struct answer *a = arg;
    const bson_t *invitation;
    enum err err = invitations_again(a->r, a->invitation, &invitation);

    if (err == ERR_NONE)
        err = invitations_end(a->r, change, invitation, EVENT_INVITATION_DECLINED);
    return err == ERR_NONE ? reply_empty(a->r, 204) : err;
}

enum err
invitations_decline(struct request *r)
{
    struct answer a = {.r = r};
    struct change_plan plan = {.topic_count = 1, .fn = decline, .arg = &a};
    enum err err = read_answer(&a);

    if (err != ERR_NONE)
        return err;
    plan.topics[0] = request_project_topic(r, doc_id(a.invitation, "projectId"));
    return request_change_invited(r, &plan);
}

struct mine {
    struct request *r;
    struct text *out;
    int count;
};

static enum err
write_mine(void *arg, const bson_t *invitation)
{
    struct mine *m = arg;
    const bson_t *project, *inviter;
    enum err err = invitations_check(m->r, invitation, &project, &inviter);

    m->r->detail = NULL;
    if (err == ERR_NOT_FOUND || err == ERR_CONFLICT)
        return ERR_NONE; /* not shown, because it cannot be accepted now */
    if (err != ERR_NONE)
        return err;
    if (access_member(project, &m->r->user_id) >= role_named(doc_text(invitation, "role")))
        return ERR_NONE; /* accepting would change nothing */
    if (m->count++ > 0)
        text_putc(m->out, ',');
    write_seen(m->out, invitation, project, inviter);
    return ERR_NONE;
}

enum err
invitations_mine(struct request *r)
{
    struct mine m = {.r = r};
    bson_t *filter, *opts;
    const bson_t *me;
    const char *address;
    enum err err = request_params_done(r);

    if (err != ERR_NONE || (err = request_fetch(r, STORE_USERS, &r->user_id, &me)) != ERR_NONE)
        return err;
    address = own_address(me);
    m.out = reply_json(r, 200);
    text_puts(m.out, "{\"items\":[");
    if (address != NULL) {
        filter = request_keep(r, BCON_NEW("email", BCON_UTF8(address), "expiresAt", "{", "$gt",
                                          BCON_DATE_TIME(clock_now()), "}"));
        opts = request_keep(r, BCON_NEW("sort", "{", "createdAt", BCON_INT32(-1), "}", "limit",
                                        BCON_INT64(MINE_MAX)));
        err = store_find(r->store, &(struct store_query){STORE_INVITATIONS, filter, opts},
                         write_mine, &m);
    }
    text_puts(m.out, "],\"nextCursor\":null}");
    return err;
}
