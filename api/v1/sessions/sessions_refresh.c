/*
 * /v1/sessions/refresh: each token can be used once, and its use returns the next one.  A token may
 * be sent again as long as its successor was not used, since the reply may have been lost.  At once
 * that returns the same successor; later it returns another one, and the first is void.  So if two
 * have copies of a token, one of them soon sends a token that is void.  Such a token was copied,
 * and ends the session; one that was never issued proves nothing and ends nothing.
 */
#include "api/v1/handlers.h"

#include <ctype.h>
#include <string.h>

#include "api/access/audit.h"
#include "api/account/message_words.h"
#include "api/account/session_end.h"
#include "api/account/session_open.h"
#include "api/crud/request_change.h"
#include "api/http/cookie.h"
#include "api/http/doc_read.h"
#include "api/http/request.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "common/base/id.h"
#include "common/secrets/token.h"
#include "common/time/clock.h"

#define TRIES     4     /* twins that rotate the same session at once */
#define REPEAT_MS 10000 /* in which a repeated token returns the same successor */

/* clang-format off */
static const struct field refresh_fields[] = {
    {"refreshToken", TEXT, MAY_SET | NULLABLE | VERBATIM, 1, 200, .about = "omitted when it is sent as a cookie"},
    {NULL},
};
/* clang-format on */

const struct shape refresh_shape = {"Refresh", refresh_fields};

struct punishment {
    struct session_end end;
    const bson_t *session, *user;
};

/* Ends the session: its token was copied. */
static enum err
end_session(struct change *change, void *arg)
{
    struct punishment *p = arg;
    struct request *r = p->end.r;
    enum err err = session_end_run(&p->end, change);

    if (err != ERR_NONE || p->end.ended_count == 0)
        return err;
    return queue_message(change, MESSAGE_SESSION_ENDED, doc_text(p->user, "email"), NOTICE_MS,
                         "name", message_words_greeting(r, p->user), "ip", message_words_ip(r),
                         "device", message_words_unlinked(r, doc_text(p->session, "device")),
                         "link", message_words_link(r, "password-resets", NULL), NULL);
}

/* A used token was sent again. */
static enum err
end_replayed_session(struct request *r, const bson_t *session, const bson_t *user)
{
    struct punishment p = {{.r = r, .user = doc_id(user, "_id"), .count = 1}, session, user};
    struct change_plan plan = {.fn = end_session, .arg = &p};

    p.end.sessions[0] = *doc_id(session, "_id");
    session_end_plan(r, p.end.user, &plan);
    r->key = NULL; /* a refusal is not recorded */
    if (request_change(r, &plan) == ERR_NONE) {
        session_end_publish(&p.end);
        audit(r, "session.replayed", p.end.user);
    }
    return ERR_BAD_LOGIN;
}

/* A parsed refresh token. */
struct presented {
    struct request *r;
    char session[ID_TEXT];
    bson_oid_t id;
    const char *secret;
};

static bool
take_apart(struct presented *p, const char *token)
{
    const char *dot = strchr(token, '.');

    if (dot == NULL || dot - token != ID_DIGITS || strlen(dot + 1) != TOKEN_SECRET - 1 ||
        !bson_oid_is_valid(token, ID_DIGITS))
        return false;
    memcpy(p->session, token, ID_DIGITS);
    p->session[ID_DIGITS] = '\0';
    for (char *c = p->session; *c != '\0'; c++) /* as we spell it, which the proof needs */
        *c = (char)tolower((unsigned char)*c);
    bson_oid_init_from_string(&p->id, p->session);
    p->secret = dot + 1;
    return true;
}

/* Has the session ended individually? */
static bool
has_ended(const bson_t *session)
{
    int64_t expires;

    return doc_has(session, "revokedAt") || !doc_time(session, "expiresAt", &expires) ||
           expires < clock_now();
}

static bool
is_older(const bson_t *session, const bson_t *user)
{
    return doc_int(session, "generation") < doc_int(user, "credentialGen");
}

/*
 * The session and its user, as they are now; ERR_NOT_FOUND if the session has ended.  A session
 * that seems older than its user's generation may have been kept by an event between the two reads:
 * then a second read shows it.
 */
static enum err
find_session(struct presented *p, const bson_t **session, const bson_t **user)
{
    enum err err = request_fetch(p->r, STORE_SESSIONS, &p->id, session);

    if (err == ERR_NONE)
        err = request_fetch(p->r, STORE_USERS, doc_id(*session, "userId"), user);
    if (err == ERR_NONE && is_older(*session, *user))
        err = request_fetch(p->r, STORE_SESSIONS, &p->id, session);
    if (err == ERR_NONE && (has_ended(*session) || is_older(*session, *user)))
        err = ERR_NOT_FOUND;
    return err;
}

/*
 * Makes the token's successor the current one: *next.  If another request has changed the session
 * in the meantime, *next is "".
 */
static enum err
rotate(const struct presented *p, const bson_t *session, int64_t nth, char next[TOKEN_SECRET])
{
    struct request *r = p->r;
    int64_t now = clock_now(), matched;
    char next_hash[TOKEN_HASH];
    bson_t *filter = request_keep(r, BCON_NEW("_id", BCON_OID(&p->id), "refreshHash",
                                              BCON_UTF8(doc_text(session, "refreshHash")),
                                              "revokedAt", BCON_NULL));
    bson_t *set;
    enum err err;

    token_successor(next, 0, p->secret, p->session, nth);
    token_hash(next_hash, next);
    set =
        request_keep(r, BCON_NEW("$set", "{", "refreshHash", BCON_UTF8(next_hash), "refreshRepeats",
                                 BCON_INT64(nth), "lastUsedAt", BCON_DATE_TIME(now), "expiresAt",
                                 BCON_DATE_TIME(session_open_expiry(session, now)), "ip",
                                 BCON_UTF8(r->address == NULL ? "" : r->address), "}"));
    err = store_update(r->store, STORE_SESSIONS, filter, set, &matched);
    if (err == ERR_NONE && matched == 0)
        next[0] = '\0';
    return err;
}

/* Is the token's successor the current one, unused?  Then the reply may have been lost: *next. */
static bool
was_lost(const struct presented *p, const bson_t *session, char next[TOKEN_SECRET])
{
    int64_t nth = doc_int(session, "refreshRepeats");
    char hash[TOKEN_HASH];

    for (int i = 0; token_successor(next, i, p->secret, p->session, nth); i++) {
        token_hash(hash, next);
        if (strcmp(hash, doc_text(session, "refreshHash")) == 0)
            return true;
    }
    return false;
}

/* Was the current token issued so recently that a repetition gets it as well? */
static bool
is_recent(const bson_t *session)
{
    int64_t used;

    return doc_time(session, "lastUsedAt", &used) && clock_now() - used <= REPEAT_MS;
}

/* The token from the body, or else from the cookie of a browser on one of our pages. */
static enum err
find_token(struct request *r, const char **token)
{
    bson_t *body = request_keep(r, bson_new());
    enum err err = doc_read(r, DOC_CREATE, refresh_fields, r->json, body);

    *token = doc_text(body, "refreshToken");
    if (err != ERR_NONE || *token != NULL)
        return err;
    if ((*token = cookie_read(r)) == NULL) {
        request_complain(r, "/refreshToken", "required",
                         "is required because the request has no cookie");
        return ERR_INVALID;
    }
    r->cookie_mode = true;
    return cookie_same_site(r);
}

/* Checks the token; *next is the secret that follows it, "" if a twin was first. */
static enum err
exchange(const struct presented *p, const bson_t *session, const bson_t *user,
         char next[TOKEN_SECRET])
{
    char hash[TOKEN_HASH];

    token_hash(hash, p->secret);
    if (strcmp(doc_text(session, "refreshHash"), hash) == 0)
        return rotate(p, session, 0, next);
    if (was_lost(p, session, next))
        return is_recent(session)
                   ? ERR_NONE
                   : rotate(p, session, doc_int(session, "refreshRepeats") + 1, next);
    return token_refresh_issued(p->secret, p->session) ? end_replayed_session(p->r, session, user)
                                                       : ERR_BAD_LOGIN;
}

static enum err
refresh(struct presented *p)
{
    char next[TOKEN_SECRET] = "";
    const bson_t *session, *user;
    enum err err = ERR_NONE;

    /* If a twin was first, the next pass finds this token's successor. */
    for (int tries = 0; err == ERR_NONE && next[0] == '\0'; tries++) {
        err = tries == TRIES ? ERR_BUSY : find_session(p, &session, &user);
        if (err == ERR_NONE)
            err = exchange(p, session, user, next);
    }
    if (err == ERR_NONE)
        session_open_reply(p->r, 200, user, session, next);
    return err;
}

enum err
sessions_refresh(struct request *r)
{
    struct presented p = {.r = r};
    const char *token;
    enum err err = find_token(r, &token);

    if (err != ERR_NONE)
        return err;
    err = take_apart(&p, token) ? refresh(&p) : ERR_BAD_LOGIN;
    if (err == ERR_NOT_FOUND)
        err = ERR_BAD_LOGIN;
    if (err == ERR_BAD_LOGIN && r->cookie_mode)
        cookie_clear(r);
    return err;
}
