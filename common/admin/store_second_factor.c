/*
 * The same credential event as the user's own DELETE /v1/me/totp, but no session continues.
 */
#include "common/admin/store_second_factor.h"

#include <bson/bson.h>
#include <stdio.h>
#include <string.h>

#include "common/base/id.h"
#include "common/change/change.h"
#include "common/change/event.h"
#include "common/change/revocation.h"
#include "common/log.h"
#include "common/store/store.h"
#include "common/text/doc.h"

struct removal {
    const char *user;
    bson_oid_t id;
    int64_t ended; /* the credential generation that ends */
};

/* The generation, if there is a second factor. */
static enum err
read_generation(struct removal *r, struct store *store)
{
    bson_t *armed = BCON_NEW("_id", BCON_OID(&r->id), "totpEnabledAt", "{", "$ne", BCON_NULL, "}");
    bson_t *doc;
    enum err err = store_get(store, STORE_USERS, armed, NULL, &doc);

    bson_destroy(armed);
    if (err != ERR_NONE)
        return err;
    r->ended = doc_int(doc, "credentialGen");
    bson_destroy(doc);
    return ERR_NONE;
}

static enum err
switch_off(struct removal *r, struct change *change)
{
    bson_t *which = BCON_NEW("_id", BCON_OID(&r->id));
    bson_t *update = BCON_NEW("$set", "{", "updatedAt", BCON_DATE_TIME(change_now(change)), "}",
                              "$unset", "{", "totpSecret", "", "totpStep", "", "totpEnabledAt", "",
                              "recoveryHashes", "", "totpPending", "", "}", "$inc", "{",
                              "credentialGen", BCON_INT64(1), "rev", BCON_INT64(1), "}");
    enum err err = store_update(change_store(change), STORE_USERS, which, update, NULL);

    bson_destroy(which);
    bson_destroy(update);
    return err;
}

static enum err
run(struct change *change, void *arg)
{
    struct removal *r = arg;
    struct revocation entry = {.kind = REVOKED_GENERATION, .user = r->id};
    struct event event = {.kind = EVENT_SESSION_REVOKED, .rev = 1, .entity_id = r->user};
    char changes[96];
    enum err err = read_generation(r, change_store(change));

    if (err != ERR_NONE || (err = switch_off(r, change)) != ERR_NONE)
        return err;
    snprintf(changes, sizeof(changes), "{\"credentialGen\":[%lld,%lld]}", (long long)r->ended,
             (long long)r->ended + 1);
    event.changes = changes;
    entry.generation = r->ended;
    err = change_event(change, 0, &event);
    return err == ERR_NONE ? revocation_add(change, &entry) : err;
}

static enum err
run_with(struct store *store, struct removal *r)
{
    char topic[EVENT_TOPIC], epoch[STORE_EPOCH], members[96];
    struct change_plan plan = {
        .topics = {topic}, .topic_count = 1, .last_topic = REVOCATION_TOPIC, .fn = run, .arg = r};
    enum err err = store_check(store);

    topic_of_user(topic, r->id.bytes);
    if (err == ERR_NONE)
        err = store_epoch(store, epoch);
    if (err == ERR_NONE)
        err = change_run(store, NULL, epoch, &plan);
    if (err == ERR_NOT_FOUND)
        log_error("second factor: there is no account %s with a second factor", r->user);
    if (err != ERR_NONE)
        return err;
    snprintf(members, sizeof(members), "\"event\":\"second-factor.removed\",\"userId\":\"%s\"",
             r->user);
    log_members(LOG_INFO, "audit", members);
    return ERR_NONE;
}

enum err
store_second_factor_remove(const char *uri, const char *database, const char *user)
{
    struct removal r = {.user = user};
    struct store_pool *pool;
    struct store *store;
    enum err err;

    if (strlen(user) != ID_DIGITS || !bson_oid_is_valid(user, ID_DIGITS)) {
        log_error("second factor: USER_ID must be 24 hex digits");
        return ERR_INVALID;
    }
    bson_oid_init_from_string(&r.id, user);
    if ((err = store_pool_open(uri, database, 1, &pool)) != ERR_NONE)
        return err;
    store = store_take(pool);
    err = store == NULL ? ERR_STORE : run_with(store, &r);
    store_give(store);
    store_pool_close(pool);
    return err;
}
