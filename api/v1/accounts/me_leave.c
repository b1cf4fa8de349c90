/*
 * DELETE /v1/me. taskwire-jobs removes the rest of the account after the grace period
 * (jobs/purge.c).
 */
#include "api/v1/handlers.h"

#include <stdio.h>
#include <string.h>

#include "api/access/access.h"
#include "api/access/audit.h"
#include "api/account/account_proof.h"
#include "api/account/credentials.h"
#include "api/account/message_words.h"
#include "api/account/second_factor.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "api/v1/projects/members.h"
#include "common/config.h"
#include "common/secrets/password.h"

#define DAY_MS (86400LL * 1000)

/* clang-format off */
static const struct field leave_fields[] = {
    {"password", TEXT, MUST_SET | VERBATIM, 1, PASSWORD_MAX},
    {"code",     TEXT, MAY_SET | NULLABLE, 1, SECOND_FACTOR_CODE_MAX, .about = "needed when two-factor authentication is on"},
    {NULL},
};
/* clang-format on */

const struct shape leave_shape = {"AccountDeletion", leave_fields};

struct leaving {
    struct request *r;
    const bson_t *user;
    struct doc_array shared; /* the ids of projects that others use and the caller owns */
    struct second_factor_proof proof;
    struct credential_event event;
};

/* Collects the ids of projects that others use and the caller owns. */
static enum err
note_shared(void *arg, const bson_t *project)
{
    struct leaving *l = arg;

    if ((access_members(project) < 2 && strcmp(doc_text(project, "access"), "everyone") != 0) ||
        doc_has(project, "deletedAt") || access_member(project, &l->r->user_id) != ROLE_OWNER)
        return ERR_NONE;
    doc_array_add_id(&l->shared, doc_id(project, "_id"));
    return ERR_NONE;
}

/* Projects that others use must have another owner. */
static enum err
check_owners(struct request *r, const bson_t *project)
{
    bool other;
    enum err err = members_other_owner(r, project, &r->user_id, &other);

    if (err != ERR_NONE || other)
        return err;
    return request_fail(r, ERR_CONFLICT,
                        "you are the only owner of \"%.100s\": make another "
                        "member an owner first, or delete the project",
                        doc_text(project, "name"));
}

/*
 * The project is written to, so that this conflicts with another owner who leaves it, or closes the
 * account, at the same time: the second change runs again and sees the first.
 */
static enum err
leave_to_others(struct leaving *l, struct change *change, const bson_oid_t *id)
{
    bson_t *which = BCON_NEW("_id", BCON_OID(id)), *project;
    bson_t *mark = BCON_NEW("$inc", "{", "ownersClosed", BCON_INT64(1), "}");
    enum err err = store_get(change_store(change), STORE_PROJECTS, which, NULL, &project);

    if (err == ERR_NONE) {
        err = check_owners(l->r, project);
        bson_destroy(project); /* large if it has many members, and there may be many */
    }
    if (err == ERR_NONE)
        err = store_update(change_store(change), STORE_PROJECTS, which, mark, NULL);
    bson_destroy(which);
    bson_destroy(mark);
    return err;
}

static enum err
leave_projects(struct leaving *l, struct change *change)
{
    struct request *r = l->r;
    bson_t *mine = request_keep(r, BCON_NEW("members.userId", BCON_OID(&r->user_id)));
    bson_iter_t iter;
    enum err err;

    l->shared = (struct doc_array){request_keep(r, bson_new()), 0};
    err = store_find(change_store(change), &(struct store_query){STORE_PROJECTS, mine, NULL},
                     note_shared, l);
    bson_iter_init(&iter, l->shared.bson);
    while (err == ERR_NONE && bson_iter_next(&iter))
        err = leave_to_others(l, change, bson_iter_oid(&iter));
    return err;
}

static enum err
close_account(struct change *change, void *arg)
{
    struct leaving *l = arg;
    struct request *r = l->r;
    int64_t grace = r->config->account_grace_days * DAY_MS, now = change_now(change);
    bson_t *job = request_keep(r, BCON_NEW("userId", BCON_OID(&r->user_id)));
    char days[16];
    enum err err;

    l->event.set = request_keep(r, BCON_NEW("deletedAt", BCON_DATE_TIME(now)));
    snprintf(days, sizeof(days), "%ld", r->config->account_grace_days);
    if ((err = leave_projects(l, change)) != ERR_NONE ||
        (err = account_proof_use(r, change, l->user, &l->proof)) != ERR_NONE ||
        (err = credentials_renew(&l->event, change)) != ERR_NONE ||
        (err = queue_job(change, JOB_PURGE, now + grace, now + grace + 365 * DAY_MS, job)) !=
            ERR_NONE ||
        (err = queue_message(change, MESSAGE_ACCOUNT_DELETED, doc_text(l->user, "email"), NOTICE_MS,
                             "name", message_words_greeting(r, l->user), "days", days, "link",
                             message_words_link(r, "", NULL), NULL)) != ERR_NONE)
        return err;
    return reply_empty(r, 204);
}

enum err
me_leave(struct request *r)
{
    struct leaving l = {.r = r, .event = {.r = r, .user = &r->user_id}};
    struct change_plan plan = {.fn = close_account, .arg = &l};
    struct account_secrets given = {.pointer = "/password"};
    bson_t *body = request_keep(r, bson_new());
    enum err err = doc_read(r, DOC_CREATE, leave_fields, r->json, body);

    given.password = doc_text(body, "password");
    given.code = doc_text(body, "code");
    if (err != ERR_NONE ||
        (err = request_fetch(r, STORE_USERS, &r->user_id, &l.user)) != ERR_NONE ||
        (err = account_proof_check(r, l.user, &given, &l.proof)) != ERR_NONE)
        return err;
    l.event.proved = l.user;
    credentials_plan(&l.event, &plan);
    if ((err = request_change(r, &plan)) != ERR_NONE)
        return err;
    credentials_publish(&l.event);
    audit(r, "account.closed", &r->user_id);
    return ERR_NONE;
}
