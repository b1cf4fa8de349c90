/*
 * A new session's document and its tokens.
 */
#include "api/account/session_open.h"

#include <stdlib.h>
#include <string.h>

#include "api/account/account.h"
#include "api/http/cookie.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/base/id.h"
#include "common/secrets/token.h"
#include "common/time/clock.h"

#define IDLE_MS    (14LL * 86400 * 1000) /* a session that is not used */
#define SESSION_MS (30LL * 86400 * 1000) /* any session (ASVS 5.0, 7.3.2) */
#define AGENT_MAX  200

enum err
session_open_cookie(struct request *r, const bson_t *body)
{
    r->cookie_mode = doc_flag(body, "cookie");
    return r->cookie_mode ? cookie_same_site(r) : ERR_NONE;
}

/* A refresh token is the session's id and its secret. */
static char *
refresh_token(struct request *r, const bson_oid_t *session, const char *secret)
{
    char hex[ID_TEXT];

    bson_oid_to_string(session, hex);
    return arena_printf(r->arena, "%s.%s", hex, secret);
}

void
session_open_reply(struct request *r, int status, const bson_t *user, const bson_t *session,
                   const char *refresh_secret)
{
    struct token token = {.expires = r->began / 1000 + TOKEN_SECONDS,
                          .generation = doc_int(session, "generation")};
    int64_t left = token.expires - clock_now() / 1000;
    const bson_oid_t *id = doc_id(session, "_id");
    struct text *t = reply_json(r, status);
    char *access;

    bson_oid_to_string(doc_id(user, "_id"), token.user);
    bson_oid_to_string(id, token.session);
    access = token_sign(&token);
    text_puts(t, "{\"user\":");
    doc_write(t, &user_shape, user);
    text_printf(t, ",\"accessToken\":\"%s\",\"expiresIn\":%lld,\"refreshToken\":", access,
                left < 1 ? 1LL : (long long)left);
    if (r->cookie_mode) {
        cookie_set(r, refresh_token(r, id, refresh_secret));
        text_puts(t, "null}");
    } else {
        text_printf(t, "\"%s\"}", refresh_token(r, id, refresh_secret));
    }
    free(access);
}

int64_t
session_open_expiry(const bson_t *session, int64_t now)
{
    int64_t began = now;

    doc_time(session, "createdAt", &began);
    return began + SESSION_MS < now + IDLE_MS ? began + SESSION_MS : now + IDLE_MS;
}

const char *
session_open_agent(struct request *r)
{
    size_t len = r->user_agent == NULL ? 0 : strlen(r->user_agent);

    if (len > AGENT_MAX)
        len = AGENT_MAX;
    return len == 0 || !text_utf8(r->user_agent, len) ? ""
                                                      : arena_copy(r->arena, r->user_agent, len);
}

enum err
session_open(struct request *r, struct change *change, const bson_t *user, const char *device)
{
    char secret[TOKEN_SECRET], hash[TOKEN_HASH], hex[ID_TEXT];
    int64_t now = change_now(change);
    bson_oid_t id;
    bson_t doc;
    enum err err;

    text_random(id.bytes, sizeof(id.bytes)); /* looks like any other id */
    bson_oid_to_string(&id, hex);
    token_refresh(secret, hash, hex);
    bson_init(&doc);
    BSON_APPEND_OID(&doc, "_id", &id);
    BSON_APPEND_OID(&doc, "userId", doc_id(user, "_id"));
    BSON_APPEND_UTF8(&doc, "refreshHash", hash);
    BSON_APPEND_UTF8(&doc, "agent", session_open_agent(r));
    BSON_APPEND_UTF8(&doc, "device", device == NULL ? session_open_agent(r) : device);
    BSON_APPEND_UTF8(&doc, "ip", r->address == NULL ? "" : r->address);
    BSON_APPEND_DATE_TIME(&doc, "createdAt", now);
    BSON_APPEND_DATE_TIME(&doc, "lastUsedAt", now);
    BSON_APPEND_DATE_TIME(&doc, "confirmedAt", now);
    BSON_APPEND_INT64(&doc, "generation", doc_int(user, "credentialGen"));
    BSON_APPEND_DATE_TIME(&doc, "expiresAt", now + IDLE_MS);
    err = store_insert(change_store(change), STORE_SESSIONS, &doc);
    session_open_reply(r, 201, user, &doc, secret);
    bson_destroy(&doc);
    return err;
}
