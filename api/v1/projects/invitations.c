/*
 * /v1/projects/{id}/invitations and POST /v1/projects/{id}/members: inviting people by email.
 * Neither the reply nor its timing shows whether an account, or even a member, has the address:
 * only taskwire-jobs looks it up (jobs/invited.c).
 */
#include "api/v1/projects/invitations.h"

#include <string.h>

#include "api/access/project_access.h"
#include "api/account/account.h"
#include "api/account/message_words.h"
#include "api/crud/page.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/quotas.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "common/base/id.h"
#include "common/config.h"
#include "common/secrets/token.h"
#include "common/time/clock.h"

const char *const invitation_roles[] = {"viewer", "commenter", "member", "admin", "owner", NULL};

/* clang-format off */
static const struct field create_fields[] = {
    {"email", TEXT,   MUST_SET, 3, 254},
    {"role",  CHOICE, MAY_SET,  .choices = invitation_roles, .fallback = "\"member\""},
    {NULL},
};
#define INVITATION_FIELDS                                  \
    {"id",        REF,     0},                             \
    {"createdAt", INSTANT, 0},                             \
    {"createdBy", REF,     0},                             \
    {"projectId", REF,     0},                             \
    {"email",     TEXT,    0},                             \
    {"role",      CHOICE,  0, .choices = invitation_roles},\
    {"expiresAt", INSTANT, 0}

static const struct field invitation_fields[] = {
    INVITATION_FIELDS,
    {"tokenHash", TEXT,    HIDDEN},
    {NULL},
};
static const struct field made_fields[] = {
    INVITATION_FIELDS,
    {"token",     TEXT,    VIRTUAL, .about = "shown only now; it is also in the email"},
    {NULL},
};
/*
 * The public fields in a project's events: every member reads them, but only admins may know
 * addresses.
 */
static const struct field announced_fields[] = {
    {"id",        REF,     0},
    {"createdBy", REF,     0},
    {"projectId", REF,     0},
    {"role",      CHOICE,  0, .choices = invitation_roles},
    {"expiresAt", INSTANT, 0},
    {NULL},
};
/* clang-format on */

const struct shape invitation_create_shape = {"InvitationCreate", create_fields};
const struct shape invitation_shape = {"Invitation", invitation_fields};
const struct shape invitation_made_shape = {"InvitationMade", made_fields};
static const struct shape announced_shape = {"InvitationEvent", announced_fields};

struct inviting {
    struct request *r;
    bson_oid_t project;
    const char *email, *role;
    const bson_t *me; /* the caller as stored */
};

static enum err
tell(struct request *r, struct change *change, const bson_t *invitation, enum event_kind kind)
{
    int topic = change_topic(change, request_project_topic(r, doc_id(invitation, "projectId")));
    struct text data = {0};
    char id[ID_TEXT];
    struct event event = {.kind = kind, .rev = 1, .entity_id = id};
    enum err err;

    bson_oid_to_string(doc_id(invitation, "_id"), id);
    if (kind == EVENT_INVITATION_CREATED) {
        doc_write(&data, &announced_shape, invitation);
        event.data = data.bytes;
    }
    err = change_event(change, topic, &event);
    text_free(&data);
    return err;
}

/* The project, if the caller may invite with this role now. */
static enum err
check_project(struct inviting *i, const bson_t **project)
{
    struct request *r = i->r;
    enum err err = project_access_living(r, &i->project, ACTION_MANAGE, project);

    if (err != ERR_NONE)
        return err;
    if (doc_flag(*project, "inbox"))
        return request_fail(r, ERR_FORBIDDEN, "the personal project cannot be shared");
    if (doc_has(*project, "archivedAt"))
        return request_fail(r, ERR_CONFLICT, "the project is archived");
    if (role_named(i->role) == ROLE_OWNER &&
        project_access_check(r, *project, ACTION_OWN) != ERR_NONE)
        return request_fail(r, ERR_FORBIDDEN, "only an owner can add, change or remove owners");
    return ERR_NONE;
}

/* Counted before an email is queued, in a count that neither side can delete. */
static enum err
check_limits(struct inviting *i, struct change *change)
{
    struct request *r = i->r;
    bson_t *pending = request_keep(r, BCON_NEW("projectId", BCON_OID(&i->project)));
    enum err err;

    if ((err = quotas_exist(r, change_store(change), QUOTA_PROJECT_INVITATIONS, STORE_INVITATIONS,
                            pending)) != ERR_NONE ||
        (err = quotas_spend(r, change, QUOTA_USER_INVITATIONS, r->user)) != ERR_NONE)
        return err;
    if (!doc_has(i->me, "emailVerifiedAt") &&
        (err = quotas_spend(r, change, QUOTA_UNCONFIRMED_INVITATIONS, r->user)) != ERR_NONE)
        return err;
    return quotas_spend(r, change, QUOTA_ADDRESS_INVITATIONS, i->email);
}

/* A second invitation to an address replaces the first. */
static enum err
replace_first(struct inviting *i, struct change *change)
{
    struct request *r = i->r;
    bson_t *filter =
        request_keep(r, BCON_NEW("projectId", BCON_OID(&i->project), "email", BCON_UTF8(i->email)));
    bson_t *first;
    enum err err = store_get(r->store, STORE_INVITATIONS, filter, NULL, &first);

    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    return invitations_end(r, change, request_keep(r, first), EVENT_INVITATION_DELETED);
}

static bson_t *
new_invitation(struct inviting *i, int64_t now, char secret[TOKEN_SECRET])
{
    struct request *r = i->r;
    bson_t *doc = request_keep(r, bson_new());
    char hash[TOKEN_HASH];
    bson_oid_t id;

    bson_oid_init(&id, NULL);
    token_secret(secret, hash);
    BSON_APPEND_OID(doc, "_id", &id);
    BSON_APPEND_DATE_TIME(doc, "createdAt", now);
    BSON_APPEND_OID(doc, "createdBy", &r->user_id);
    BSON_APPEND_OID(doc, "projectId", &i->project);
    BSON_APPEND_UTF8(doc, "email", i->email);
    BSON_APPEND_UTF8(doc, "role", i->role);
    BSON_APPEND_DATE_TIME(doc, "expiresAt", now + INVITATION_MS);
    BSON_APPEND_UTF8(doc, "tokenHash", hash);
    return doc;
}

/* Queues the email, and a notification for an account with this address. */
static enum err
queue_both(struct inviting *i, struct change *change, const bson_t *project,
           const bson_t *invitation, const char *secret)
{
    struct request *r = i->r;
    int64_t now = change_now(change);
    bson_t *content =
        request_keep(r, BCON_NEW("invitationId", BCON_OID(doc_id(invitation, "_id"))));
    enum err err = queue_job(change, JOB_INVITED, now, now + INVITATION_MS, content);

    if (err != ERR_NONE)
        return err;
    return queue_message(change, MESSAGE_INVITATION, i->email, INVITATION_MS, "inviter",
                         message_words_harmless(r, doc_text(i->me, "name"), "Somebody"), "project",
                         message_words_harmless(r, doc_text(project, "name"), "a project"), "role",
                         i->role, "link",
                         arena_printf(r->arena, "%s/#/i/%s", r->config->public_url, secret), NULL);
}

static enum err
create_invitation(struct change *change, void *arg)
{
    struct inviting *i = arg;
    struct request *r = i->r;
    char secret[TOKEN_SECRET], project_hex[ID_TEXT], hex[ID_TEXT];
    const bson_t *project, *invitation;
    enum err err;

    if ((err = check_project(i, &project)) != ERR_NONE ||
        (err = replace_first(i, change)) != ERR_NONE ||
        (err = request_fetch(r, STORE_USERS, &r->user_id, &i->me)) != ERR_NONE ||
        (err = check_limits(i, change)) != ERR_NONE)
        return err;
    invitation = new_invitation(i, change_now(change), secret);
    if ((err = store_insert(change_store(change), STORE_INVITATIONS, invitation)) != ERR_NONE ||
        (err = tell(r, change, invitation, EVENT_INVITATION_CREATED)) != ERR_NONE ||
        (err = queue_both(i, change, project, invitation, secret)) != ERR_NONE)
        return err;
    bson_oid_to_string(&i->project, project_hex);
    bson_oid_to_string(doc_id(invitation, "_id"), hex);
    r->reply.location = arena_printf(r->arena, "/v1/projects/%s/invitations/%s", project_hex, hex);
    doc_write_with(reply_json(r, 201), &invitation_shape, invitation,
                   arena_printf(r->arena, ",\"token\":\"%s\"", secret));
    return ERR_NONE;
}

enum err
invitations_create(struct request *r)
{
    struct inviting i = {.r = r};
    struct change_plan plan = {.topic_count = 1, .fn = create_invitation, .arg = &i};
    bson_t *body = request_keep(r, bson_new());
    const bson_t *project;
    enum err err;

    if ((err = request_id_arg(r, 0, &i.project)) != ERR_NONE ||
        (err = project_access(r, &i.project, ACTION_MANAGE, &project)) != ERR_NONE ||
        (err = doc_read(r, DOC_CREATE, create_fields, r->json, body)) != ERR_NONE)
        return err;
    if (!account_email(r, doc_text(body, "email"), &i.email)) {
        request_complain(r, "/email", "format", "must be an email address");
        return ERR_INVALID;
    }
    i.role = doc_text(body, "role");
    plan.topics[0] = request_project_topic(r, &i.project);
    return request_change(r, &plan);
}

static void
write_invitation(struct request *r, struct text *out, const bson_t *doc)
{
    (void)r;
    doc_write(out, &invitation_shape, doc);
}

static const struct order invitation_orders[] = {{"createdAt", {"createdAt"}}, {NULL}};
const struct list invitation_list = {.store = STORE_INVITATIONS, .orders = invitation_orders};

/* The project in the path, if it exists and the caller may invite to it. */
static enum err
path_project(struct request *r, bson_oid_t *id)
{
    const bson_t *project;
    enum err err = request_id_arg(r, 0, id);

    return err == ERR_NONE ? project_access_living(r, id, ACTION_MANAGE, &project) : err;
}

enum err
invitations_list(struct request *r)
{
    bson_oid_t id;
    enum err err = path_project(r, &id);

    if (err != ERR_NONE)
        return err;
    return page_reply(r,
                      request_keep(r, BCON_NEW("projectId", BCON_OID(&id), "expiresAt", "{", "$gt",
                                               BCON_DATE_TIME(clock_now()), "}")),
                      write_invitation);
}

/* The invitation in the path. */
static enum err
path_invitation(struct request *r, const bson_oid_t *project, const bson_t **out)
{
    bson_oid_t id;
    bson_t *filter, *doc;
    enum err err = request_id_arg(r, 1, &id);

    if (err != ERR_NONE)
        return err;
    filter = request_keep(r, BCON_NEW("_id", BCON_OID(&id), "projectId", BCON_OID(project),
                                      "expiresAt", "{", "$gt", BCON_DATE_TIME(clock_now()), "}"));
    err = store_get(r->store, STORE_INVITATIONS, filter, NULL, &doc);
    if (err == ERR_NONE)
        *out = request_keep(r, doc);
    return err;
}

enum err
invitations_read(struct request *r)
{
    const bson_t *invitation;
    bson_oid_t project;
    enum err err = request_params_done(r);

    if (err != ERR_NONE || (err = path_project(r, &project)) != ERR_NONE ||
        (err = path_invitation(r, &project, &invitation)) != ERR_NONE)
        return err;
    doc_write(reply_json(r, 200), &invitation_shape, invitation);
    return ERR_NONE;
}

static enum err
withdraw(struct change *change, void *arg)
{
    struct inviting *i = arg;
    const bson_t *project, *invitation;
    enum err err = project_access_living(i->r, &i->project, ACTION_MANAGE, &project);

    if (err != ERR_NONE || (err = path_invitation(i->r, &i->project, &invitation)) != ERR_NONE ||
        (err = invitations_end(i->r, change, invitation, EVENT_INVITATION_DELETED)) != ERR_NONE)
        return err;
    return reply_empty(i->r, 204);
}

enum err
invitations_remove(struct request *r)
{
    struct inviting i = {.r = r};
    struct change_plan plan = {.topic_count = 1, .fn = withdraw, .arg = &i};
    enum err err;

    if ((err = request_params_done(r)) != ERR_NONE ||
        (err = path_project(r, &i.project)) != ERR_NONE)
        return err;
    plan.topics[0] = request_project_topic(r, &i.project);
    return request_change(r, &plan);
}

enum err
invitations_end(struct request *r, struct change *change, const bson_t *invitation,
                enum event_kind kind)
{
    bson_t *which = request_keep(r, BCON_NEW("_id", BCON_OID(doc_id(invitation, "_id"))));
    enum err err;

    /* The invitation's notification has the same id. */
    if ((err = store_remove(change_store(change), STORE_INVITATIONS, which)) != ERR_NONE ||
        (err = store_remove(change_store(change), STORE_NOTIFICATIONS, which)) != ERR_NONE)
        return err;
    return tell(r, change, invitation, kind);
}
