/*
 * The generation is raised by one write of the user's document, whatever else is written to it; the
 * kept session is updated in the same transaction.
 */
#include "api/account/credentials.h"

#include "api/access/session_revocation.h"
#include "api/account/session_end.h"
#include "api/crud/entity.h"
#include "api/http/quotas.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/base/id.h"
#include "common/change/change.h"
#include "common/change/revocation.h"

/*
 * Reset tokens stay until they expire: they are invalid as well, but a reset that is already
 * running must still find its token to mark it as used.
 */
static const char *const purposes[] = {"verify-email", "verify-phone", "api"};

void
credentials_plan(const struct credential_event *e, struct change_plan *plan)
{
    session_end_plan(e->r, e->user, plan);
}

/* The caller's session, if it has not ended according to the user's document. */
static enum err
check_session(struct request *r, const bson_t *user)
{
    const bson_t *session;
    enum err err = request_fetch(r, STORE_SESSIONS, &r->session_id, &session);

    if (err == ERR_NONE && (doc_has(session, "revokedAt") ||
                            doc_int(session, "generation") < doc_int(user, "credentialGen")))
        err = ERR_NOT_FOUND;
    return err == ERR_NOT_FOUND ? request_fail(r, ERR_NO_AUTH, "the session has ended") : err;
}

enum err
credentials_current(struct request *r, const bson_t *proved, const bson_t **user)
{
    enum err err = request_fetch(r, STORE_USERS, &r->user_id, user);

    if (err == ERR_NONE)
        err = check_session(r, *user);
    if (err == ERR_NONE && proved != NULL &&
        doc_int(proved, "credentialGen") != doc_int(*user, "credentialGen"))
        err = request_fail(r, ERR_CONFLICT, "the account has been changed in the meantime");
    return err;
}

/* {$set: ..., $unset: ..., $inc: {credentialGen}} */
static bson_t *
make_update(const struct credential_event *e, const bson_t *user, int64_t now)
{
    bson_t *update = request_keep(e->r, bson_new()), part;

    BSON_APPEND_DOCUMENT_BEGIN(update, "$set", &part);
    if (e->set != NULL)
        bson_concat(&part, e->set);
    entity_stamp(&part, user, now);
    if (doc_has(user, "pendingEmail"))
        BSON_APPEND_NULL(&part, "pendingEmail");
    if (doc_has(user, "pendingPhone"))
        BSON_APPEND_NULL(&part, "pendingPhone");
    if (!e->keep_api_tokens)
        BSON_APPEND_INT64(&part, "apiTokenGen", e->ended + 1);
    bson_append_document_end(update, &part);
    BSON_APPEND_DOCUMENT_BEGIN(update, "$unset", &part);
    BSON_APPEND_UTF8(&part, "totpPending", "");
    if (e->unset != NULL)
        bson_concat(&part, e->unset);
    bson_append_document_end(update, &part);
    BSON_APPEND_DOCUMENT_BEGIN(update, "$inc", &part);
    BSON_APPEND_INT64(&part, "credentialGen", 1);
    bson_append_document_end(update, &part);
    return update;
}

static enum err
raise_generation(struct credential_event *e, struct change *change, const bson_t *user)
{
    struct request *r = e->r;
    bson_t *who = request_keep(r, BCON_NEW("_id", BCON_OID(e->user)));
    enum err err = store_update(change_store(change), STORE_USERS, who,
                                make_update(e, user, change_now(change)), NULL);
    bson_t *kept, *set;

    if (err != ERR_NONE || e->keep == NULL)
        return err;
    kept = request_keep(r, BCON_NEW("_id", BCON_OID(e->keep)));
    set = request_keep(r, BCON_NEW("$set", "{", "generation", BCON_INT64(e->ended + 1), "}"));
    return store_update(change_store(change), STORE_SESSIONS, kept, set, NULL);
}

/* They are already invalid; this only cleans up. */
static enum err
forget_secrets(const struct credential_event *e, struct change *change)
{
    bson_t *filter = request_keep(e->r, bson_new());

    BSON_APPEND_OID(filter, "userId", e->user);
    doc_in_texts(filter, "purpose", purposes, e->keep_api_tokens ? 2 : 3);
    return store_remove_many(change_store(change), STORE_TOKENS, filter);
}

static struct revocation
revocation_of(const struct credential_event *e)
{
    struct revocation entry = {
        .kind = REVOKED_GENERATION, .user = *e->user, .generation = e->ended};

    if (e->keep != NULL)
        entry.session = *e->keep;
    return entry;
}

/* Sockets are notified through the user's topic, workers through the log of ended sessions. */
static enum err
announce(struct credential_event *e, struct change *change)
{
    char user[ID_TEXT], kept[ID_TEXT];
    struct event event = {.kind = EVENT_SESSION_REVOKED, .rev = 1, .entity_id = user};
    struct revocation entry = revocation_of(e);
    enum err err;

    bson_oid_to_string(e->user, user);
    event.changes = arena_printf(e->r->arena, "{\"credentialGen\":[%lld,%lld]}",
                                 (long long)e->ended, (long long)e->ended + 1);
    if (e->keep != NULL) {
        bson_oid_to_string(e->keep, kept);
        event.data = arena_printf(e->r->arena, "{\"kept\":\"%s\"}", kept);
    }
    err = change_event(change, 0, &event);
    return err == ERR_NONE ? revocation_add(change, &entry) : err;
}

/*
 * Each event invalidates reset emails that are on their way, so someone with the password or a
 * session could lock out the owner by repeating it.  Therefore events are counted.  A reset is not.
 * Events that need no password are counted separately: a thief who has only a session cannot use up
 * the owner's password changes.
 */
static enum err
spend(const struct credential_event *e, struct change *change)
{
    enum quota quota = e->proved != NULL ? QUOTA_USER_CREDENTIALS : QUOTA_USER_SESSION_ENDS;
    char user[ID_TEXT];

    if (e->proved == NULL && e->keep == NULL)
        return ERR_NONE;
    bson_oid_to_string(e->user, user);
    return quotas_spend(e->r, change, quota, user);
}

enum err
credentials_renew(struct credential_event *e, struct change *change)
{
    const bson_t *user;
    enum err err = e->keep != NULL || e->proved != NULL
                       ? credentials_current(e->r, e->proved, &user)
                       : request_fetch(e->r, STORE_USERS, e->user, &user);

    if (err != ERR_NONE)
        return err;
    e->ended = doc_int(user, "credentialGen");
    if ((err = spend(e, change)) != ERR_NONE ||
        (err = raise_generation(e, change, user)) != ERR_NONE ||
        (err = forget_secrets(e, change)) != ERR_NONE)
        return err;
    return announce(e, change);
}

void
credentials_publish(const struct credential_event *e)
{
    struct revocation entry = revocation_of(e);

    /* A twin's reply does not belong to this change, whose generation may be the current one. */
    if (!e->r->reply.replayed)
        session_revocation_add(e->r->revocation, &entry);
}
