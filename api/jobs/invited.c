/*
 * Notifies the account with an invitation's address, if there is one and the address is confirmed.
 * Done here and not in the request, so that inviting takes the same time whether there is an
 * account or not.
 */
#include "api/jobs/invited.h"

#include "api/http/request.h"
#include "api/jobs/context.h"
#include "api/schema/doc.h"
#include "api/v1/notifications.h"
#include "api/v1/projects/invitations.h"

#define ARENA_MAX (1u << 20)

struct telling {
    struct request *r;
    const bson_t *invitation;
    bson_oid_t user;
};

/*
 * The invitation may have ended since the job was taken: then no notification is made.  The
 * invitation is written to, so that this conflicts with anything that ends it at the same time.
 */
static enum err
tell(struct change *change, void *arg)
{
    struct telling *t = arg;
    struct request *r = t->r;
    bson_t *which = request_keep(r, BCON_NEW("_id", BCON_OID(doc_id(t->invitation, "_id"))));
    bson_t *mark =
        request_keep(r, BCON_NEW("$set", "{", "toldAt", BCON_DATE_TIME(change_now(change)), "}"));
    const bson_t *project;
    int64_t matched;
    enum err err = store_update(change_store(change), STORE_INVITATIONS, which, mark, &matched);

    if (err == ERR_NONE && matched == 0)
        err = ERR_NOT_FOUND;
    if (err != ERR_NONE || (err = invitations_check(r, t->invitation, &project, NULL)) != ERR_NONE)
        return err;
    if (access_member(project, &t->user) != ROLE_NONE)
        return ERR_NONE;
    return notifications_invited(r, change, t->invitation, project, &t->user);
}

/* The account with the address, if it is confirmed; ERR_NOT_FOUND. */
static enum err
find_account(struct telling *t)
{
    struct request *r = t->r;
    bson_t *filter = request_keep(r, BCON_NEW("email", BCON_UTF8(doc_text(t->invitation, "email")),
                                              "emailVerifiedAt", "{", "$ne", BCON_NULL, "}",
                                              "deletedAt", BCON_NULL));
    bson_t *user;
    enum err err = store_get(r->store, STORE_USERS, filter, NULL, &user);

    if (err == ERR_NONE)
        t->user = *doc_id(request_keep(r, user), "_id");
    return err;
}

/* The job's id is the idempotency key, so that the job takes effect once, even if a worker dies. */
static enum err
notify_once(const struct jobs_context *c, struct telling *t)
{
    struct request *r = t->r;
    struct change_plan plan = {.topic_count = 1, .fn = tell, .arg = t};

    r->user_id = *doc_id(t->invitation, "createdBy");
    bson_oid_to_string(&r->user_id, r->user);
    plan.actor_id = r->user;
    plan.idempotency = arena_printf(r->arena, "job %s", c->id);
    plan.topics[0] = request_user_topic(r, &t->user);
    return change_run(c->store, c->runner->bus, c->runner->epoch, &plan);
}

enum err
invited_notify(const struct jobs_context *c, const bson_t *content)
{
    struct request r = {.arena = arena_new(ARENA_MAX), .store = c->store};
    struct telling t = {.r = &r};
    const bson_oid_t *id = doc_id(content, "invitationId");
    enum err err =
        id == NULL ? ERR_INVALID : request_fetch(&r, STORE_INVITATIONS, id, &t.invitation);

    if (err == ERR_NONE && (err = find_account(&t)) == ERR_NONE)
        err = notify_once(c, &t);
    arena_free(r.arena);
    return err == ERR_NOT_FOUND || err == ERR_CONFLICT ? ERR_NONE : err;
}
