/*
 * Done here and not in the request, so that a request takes the same time whether there is an
 * account or not.
 */
#include "api/jobs/reset.h"

#include <string.h>

#include "api/access/audit.h"
#include "api/account/account.h"
#include "api/account/message_words.h"
#include "api/account/one_time.h"
#include "api/http/request.h"
#include "api/jobs/context.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "api/v1/accounts/passwords.h"
#include "common/change/change.h"
#include "common/log.h"

#define ARENA_MAX (1u << 20)
#define SENT_MAX  10 /* emails to one account that are valid at */

struct reset {
    struct request *r;
    const bson_t *user; /* as it was found by the address */
};

/*
 * Without this write two jobs that count at the same time would each miss the other's email; now
 * they conflict.
 */
static enum err
serialize(struct request *r, struct change *change, const bson_oid_t *id)
{
    bson_t *who = request_keep(r, BCON_NEW("_id", BCON_OID(id)));
    bson_t *count = request_keep(r, BCON_NEW("$inc", "{", "resetsAsked", BCON_INT64(1), "}"));

    return store_update(change_store(change), STORE_USERS, who, count, NULL);
}

/* The account may have changed its address since: then no email goes to the old one. */
static bool
still_has_address(const struct reset *reset, const bson_t *now)
{
    return strcmp(doc_text(reset->user, "email"), doc_text(now, "email")) == 0;
}

static enum err
make_token(struct change *change, void *arg)
{
    struct reset *reset = arg;
    struct request *r = reset->r;
    const bson_oid_t *id = doc_id(reset->user, "_id");
    struct one_time token = {"reset", NULL, RESET_MS, NULL};
    struct one_time_count most = {.purpose = "reset",
                                  .since = change_now(change) - RESET_MS,
                                  .count = SENT_MAX,
                                  .current = true};
    char secret[TOKEN_SECRET];
    bool enough;
    enum err err = serialize(r, change, id);

    if (err == ERR_NONE)
        err = request_fetch(r, STORE_USERS, id, &token.user); /* as it is now */
    if (err != ERR_NONE || !still_has_address(reset, token.user))
        return err;
    most.user = token.user;
    err = one_time_reached(r, &most, &enough);
    if (err != ERR_NONE || enough)
        return err;
    if ((err = one_time_add(change, &token, secret)) != ERR_NONE)
        return err;
    return queue_message(change, MESSAGE_PASSWORD_RESET, doc_text(token.user, "email"), RESET_MS,
                         "name", message_words_greeting(r, token.user), "link",
                         message_words_link(r, "password-resets", secret), NULL);
}

/* The job's id is the idempotency key, so that the job takes effect once, even if a worker dies. */
static enum err
make_once(const struct jobs_context *c, struct request *r, const bson_t *user)
{
    struct reset reset = {r, user};
    struct change_plan plan = {
        .idempotency = arena_printf(r->arena, "job %s", c->id), .fn = make_token, .arg = &reset};
    enum err err = change_run(c->store, c->runner->bus, c->runner->epoch, &plan);

    return err == ERR_CONFLICT ? ERR_NONE : err;
}

enum err
reset_email(const struct jobs_context *c, const bson_t *content)
{
    struct request r = {.arena = arena_new(ARENA_MAX),
                        .store = c->store,
                        .config = c->runner->config,
                        .id = doc_text(content, "requestId"),
                        .address = doc_text(content, "ip")};
    const char *email = doc_text(content, "email");
    const bson_t *user;
    enum err err = email == NULL ? ERR_INVALID : account_find(&r, email, &user);

    log_request(r.id);
    if (err == ERR_NONE && user != NULL)
        err = make_once(c, &r, user);
    if (err == ERR_NONE)
        audit(&r, "password.reset-asked", user == NULL ? NULL : doc_id(user, "_id"));
    log_request(NULL);
    arena_free(r.arena);
    return err;
}
