/*
 * An ended session is kept until all its access tokens have expired.
 */
#include "api/account/session_end.h"

#include "api/access/audit.h"
#include "api/access/session_revocation.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/base/id.h"
#include "common/change/change.h"
#include "common/change/revocation.h"
#include "common/config.h"
#include "common/log.h"

#define KEPT_MS (3600LL * 1000) /* how long it is kept: longer than any access token */

void
session_end_plan(struct request *r, const bson_oid_t *user, struct change_plan *plan)
{
    plan->topics[0] = request_user_topic(r, user);
    plan->topic_count = 1;
    plan->last_topic = REVOCATION_TOPIC;
}

/* Marks a session as ended if it is open: *ended. */
static enum err
mark(const struct session_end *e, struct change *change, const bson_oid_t *id, bool *ended)
{
    int64_t now = change_now(change), matched;
    bson_t *living = request_keep(
        e->r, BCON_NEW("_id", BCON_OID(id), "userId", BCON_OID(e->user), "revokedAt", BCON_NULL));
    bson_t *set = request_keep(e->r, BCON_NEW("$set", "{", "revokedAt", BCON_DATE_TIME(now),
                                              "expiresAt", BCON_DATE_TIME(now + KEPT_MS), "}"));
    enum err err = store_update(change_store(change), STORE_SESSIONS, living, set, &matched);

    *ended = matched == 1;
    return err;
}

static struct revocation
revocation_of(const struct session_end *e, int i)
{
    return (struct revocation){REVOKED_SESSION, *e->user, 0, e->sessions[i]};
}

enum err
session_end_run(struct session_end *e, struct change *change)
{
    enum err err = ERR_NONE;

    e->ended_count = 0;
    for (int i = 0; err == ERR_NONE && i < e->count; i++) {
        struct event event = {.kind = EVENT_SESSION_REVOKED, .rev = 1};
        struct revocation entry = revocation_of(e, i);
        char hex[ID_TEXT];

        if ((err = mark(e, change, &e->sessions[i], &e->ended[i])) != ERR_NONE || !e->ended[i])
            continue;
        bson_oid_to_string(&e->sessions[i], hex);
        event.entity_id = hex;
        if ((err = change_event(change, 0, &event)) == ERR_NONE)
            err = revocation_add(change, &entry);
        e->ended_count++;
    }
    return err;
}

void
session_end_publish(const struct session_end *e)
{
    for (int i = 0; i < e->count; i++) {
        struct revocation entry = revocation_of(e, i);

        if (e->ended[i])
            session_revocation_add(e->r->revocation, &entry);
    }
}

static enum err
note_oldest(void *arg, const bson_t *doc)
{
    struct session_end *e = arg;

    if (e->count < SESSION_ENDS_MAX)
        e->sessions[e->count++] = *doc_id(doc, "_id");
    return ERR_NONE;
}

/* The open sessions, newest first, without those that may stay. */
static enum err
find_oldest(struct session_end *e, struct store *store, const bson_t *user)
{
    bson_t *living = request_keep(e->r, BCON_NEW("userId", BCON_OID(e->user), "generation",
                                                 BCON_INT64(doc_int(user, "credentialGen")),
                                                 "revokedAt", BCON_NULL));
    bson_t *opts =
        request_keep(e->r, BCON_NEW("sort", "{", "createdAt", BCON_INT32(-1), "_id", BCON_INT32(-1),
                                    "}", "skip", BCON_INT64(e->r->config->sessions_max), "limit",
                                    BCON_INT64(SESSION_ENDS_MAX), "projection", "{", "_id",
                                    BCON_BOOL(true), "}"));

    e->count = 0;
    return store_find(store, &(struct store_query){STORE_SESSIONS, living, opts}, note_oldest, e);
}

struct trim {
    struct session_end e;
    const bson_t *user;
};

static enum err
end_oldest(struct change *change, void *arg)
{
    struct trim *t = arg;
    enum err err = find_oldest(&t->e, change_store(change), t->user);

    return err == ERR_NONE ? session_end_run(&t->e, change) : err;
}

void
session_end_oldest(struct request *r, const bson_t *user)
{
    struct trim t = {{.r = r, .user = doc_id(user, "_id")}, user};
    struct change_plan plan = {.fn = end_oldest, .arg = &t};
    enum err err = find_oldest(&t.e, r->store, user);

    session_end_plan(r, t.e.user, &plan);
    if (err == ERR_NONE && t.e.count > 0)
        err = change_run(r->store, r->bus, r->epoch, &plan);
    if (err != ERR_NONE)
        log_warn("sessions: the oldest sessions were not ended");
    if (err != ERR_NONE || t.e.ended_count == 0)
        return;
    session_end_publish(&t.e);
    audit(r, "session.oldest-ended", t.e.user);
}
