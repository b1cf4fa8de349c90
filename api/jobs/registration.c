/*
 * Done here and not in the request, so that a registration by email takes the same time whether the
 * address has an account or not.
 */
#include "api/jobs/registration.h"

#include "api/account/account.h"
#include "api/account/message_words.h"
#include "api/http/request.h"
#include "api/jobs/context.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "api/v1/accounts/users.h"
#include "common/change/change.h"

#define ARENA_MAX (1u << 20)

struct writing {
    struct request *r;
    const char *email, *secret;
    const bson_t *user; /* the account with the address; NULL: none */
};

static enum err
queue_either(struct change *change, void *arg)
{
    struct writing *w = arg;
    struct request *r = w->r;

    if (w->user != NULL)
        return queue_message(change, MESSAGE_ACCOUNT_EXISTS, w->email, NOTICE_MS, "name",
                             message_words_greeting(r, w->user), "link",
                             message_words_link(r, "password-resets", NULL), NULL);
    return queue_message(change, MESSAGE_OPEN_ACCOUNT, w->email, USERS_LINK_MS, "link",
                         message_words_link(r, "verifications", w->secret), NULL);
}

enum err
registration_email(const struct jobs_context *c, const bson_t *content)
{
    struct request r = {
        .arena = arena_new(ARENA_MAX), .store = c->store, .config = c->runner->config};
    struct writing w = {&r, doc_text(content, "email"), doc_text(content, "secret"), NULL};
    /*
     * The job's id is the idempotency key, so that the job takes effect once, even if a worker
     * dies.
     */
    struct change_plan plan = {
        .idempotency = arena_printf(r.arena, "job %s", c->id), .fn = queue_either, .arg = &w};
    enum err err =
        w.email == NULL || w.secret == NULL ? ERR_INVALID : account_find(&r, w.email, &w.user);

    if (err == ERR_NONE)
        err = change_run(c->store, c->runner->bus, c->runner->epoch, &plan);
    arena_free(r.arena);
    return err == ERR_CONFLICT ? ERR_NONE : err;
}
