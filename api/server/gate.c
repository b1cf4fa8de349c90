/*
 * From route to handler.
 */
#include "api/server/gate.h"

#include <json-c/json.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "api/access/api_token_auth.h"
#include "api/access/link_auth.h"
#include "api/access/session_revocation.h"
#include "api/access/step_up.h"
#include "api/http/idempotency.h"
#include "api/http/limits.h"
#include "api/http/reply.h"
#include "api/http/router.h"
#include "api/server/costly.h"
#include "common/secrets/token.h"
#include "common/text/json.h"
#include "common/time/clock.h"

#define KEY_MAX     255 /* characters of an Idempotency-Key */
#define RUNNING_MAX 512 /* requests with a key that run at once in this process */

/*
 * The keys of requests that run in this process; requests on other processes conflict in the
 * database.
 */
static struct {
    pthread_mutex_t lock;
    char keys[RUNNING_MAX][65];
} running = {.lock = PTHREAD_MUTEX_INITIALIZER};

static enum err
key_enter(const char *key)
{
    int vacant = -1;
    enum err err = ERR_NONE;

    pthread_mutex_lock(&running.lock);
    for (int i = 0; i < RUNNING_MAX && err == ERR_NONE; i++) {
        if (running.keys[i][0] == '\0')
            vacant = vacant < 0 ? i : vacant;
        else if (strcmp(running.keys[i], key) == 0)
            err = ERR_IN_PROGRESS;
    }
    if (err == ERR_NONE && vacant < 0)
        err = ERR_BUSY;
    if (err == ERR_NONE)
        memcpy(running.keys[vacant], key, 65);
    pthread_mutex_unlock(&running.lock);
    return err;
}

static void
key_leave(const char *key)
{
    pthread_mutex_lock(&running.lock);
    for (int i = 0; i < RUNNING_MAX; i++)
        if (strcmp(running.keys[i], key) == 0)
            running.keys[i][0] = '\0';
    pthread_mutex_unlock(&running.lock);
}

static enum err
check_token(struct request *r)
{
    struct token token;
    const char *text = r->authorization;

    if (text == NULL || strncasecmp(text, "Bearer ", 7) != 0 ||
        (!api_token_auth_is(text + 7) &&
         token_verify(text + 7, strlen(text + 7), &token) != ERR_NONE))
        return ERR_NO_AUTH;
    if (api_token_auth_is(text + 7))
        return api_token_auth_check(r, text + 7);
    memcpy(r->user, token.user, sizeof(r->user));
    memcpy(r->session, token.session, sizeof(r->session));
    bson_oid_init_from_string(&r->user_id, r->user);
    bson_oid_init_from_string(&r->session_id, r->session);
    if (!session_revocation_known(r->revocation))
        return ERR_STORE; /* it is not known yet which sessions have ended */
    if (session_revocation_has(r->revocation, &(struct session_revocation_token){
                                                  &r->user_id, &r->session_id, token.generation})) {
        if (!token.link)
            memcpy(r->ended, r->user, sizeof(r->ended));
        r->user[0] = '\0';
        return request_fail(r, ERR_NO_AUTH, "the session has ended");
    }
    if (token.link)
        return link_auth_check(r, &token);
    return r->route->flags & STEP_UP ? step_up_check(r) : ERR_NONE;
}

static bool
wants_token(const struct request *r)
{
    return r->route->who == USER || (r->route->who == MAYBE && r->authorization != NULL);
}

static void
put_json(void *json)
{
    json_object_put(json);
}

static bool
is_json(const char *type)
{
    static const char *const known[] = {"application/json", "application/merge-patch+json"};

    for (int i = 0; i < 2; i++) {
        size_t len = strlen(known[i]);

        if (type != NULL && strncasecmp(type, known[i], len) == 0 &&
            (type[len] == '\0' || type[len] == ';' || type[len] == ' '))
            return true;
    }
    return false;
}

static enum err
read_body(struct request *r)
{
    const char *why;

    if (r->route->flags & UPLOAD)
        return ERR_NONE;
    if (r->body_too_large)
        return ERR_TOO_LARGE;
    if (r->method == GET || r->method == DELETE || (r->route->flags & NO_BODY)) {
        if (r->body_len == 0 || !is_json(r->content_type))
            return ERR_NONE;
    } else if (!is_json(r->content_type)) {
        return ERR_MEDIA_TYPE;
    }
    if (json_parse(r->body, r->body_len, &r->json, &why) != ERR_NONE)
        return request_fail(r, ERR_MALFORMED, "the body is not valid JSON: %s", why);
    arena_defer(r->arena, put_json, r->json);
    return ERR_NONE;
}

void
gate_key(struct request *r)
{
    struct text t = {0};

    text_printf(&t, "%s%s\n%s\n%s", r->user, r->bound_token, r->user[0] == '\0' ? r->path : "",
                r->idempotency_key);
    r->key = arena_alloc(r->arena, 65);
    text_sha256((char *)(uintptr_t)r->key, t.bytes, t.len);
    text_free(&t);
}

static enum err
read_key(struct request *r)
{
    const char *key = r->idempotency_key;

    if (key == NULL || r->method == GET)
        return ERR_NONE;
    if (*key == '\0' || strlen(key) > KEY_MAX)
        return request_fail(r, ERR_MALFORMED, "Idempotency-Key must have 1 to %d characters",
                            KEY_MAX);
    for (const char *p = key; *p != '\0'; p++)
        if (*p < 0x20 || *p > 0x7E)
            return request_fail(r, ERR_MALFORMED, "Idempotency-Key must be printable ASCII");
    gate_key(r);
    if ((r->route->flags & UPLOAD) == 0) /* known when the handler has received the body */
        idempotency_digest(r);
    return ERR_NONE;
}

enum err
gate_check(struct request *r)
{
    enum err err;

    r->began = clock_now();
    if ((err = router_find(r)) != ERR_NONE || (err = request_parse_query(r)) != ERR_NONE ||
        ((r->route->flags & LOGINS) && (err = limits_address(r)) != ERR_NONE) ||
        (wants_token(r) && (err = check_token(r)) != ERR_NONE) ||
        (err = request_base_rev(r)) != ERR_NONE || (err = read_body(r)) != ERR_NONE)
        return err;
    return read_key(r);
}

enum err
gate_check_op(struct request *r)
{
    enum err err;

    if ((err = router_find(r)) != ERR_NONE || (err = request_parse_query(r)) != ERR_NONE ||
        ((r->route->flags & LOGINS) && (err = limits_address(r)) != ERR_NONE) ||
        (err = api_token_auth_covers(r)) != ERR_NONE)
        return err;
    if (r->key != NULL)
        idempotency_digest(r);
    return request_base_rev(r);
}

/*
 * A handler may refuse a request only because of a twin: another request with the same key, perhaps
 * on another host, that took effect after we looked for its record.  For example, it has used up a
 * secret, or removed the entity to be changed.  A request that sees the twin's change also finds
 * its record, so that record is the reply.
 */
enum err
gate_answer_of_twin(struct request *r, enum err refusal)
{
    bool found;
    enum err err;

    if (r->key == NULL || r->digest[0] == '\0' || refusal == ERR_BUSY || refusal == ERR_STORE ||
        refusal == ERR_TOO_MUCH || refusal == ERR_INTERNAL)
        return refusal;
    err = idempotency_replay_newest(r, &found);
    return err != ERR_NONE || found ? err : refusal;
}

/*
 * A request that ended its own session is repeated if its reply was lost.  Its record is the reply:
 * only the original client knows the request's key and body.
 */
static enum err
answer_of_ended(struct request *r)
{
    bool found = false;

    memcpy(r->user, r->ended, sizeof(r->user));
    if ((r->route->flags & ENDS) && read_body(r) == ERR_NONE && read_key(r) == ERR_NONE &&
        r->key != NULL && idempotency_replay_newest(r, &found) == ERR_NONE && found)
        return ERR_NONE;
    r->user[0] = '\0';
    return request_fail(r, ERR_NO_AUTH, "the session has ended");
}

static enum err
run_handler(struct request *r)
{
    struct costly costly;
    enum err err;

    if ((r->route->flags & COSTLY) == 0)
        return r->route->handler(r);
    if ((err = costly_enter(r, &costly)) != ERR_NONE)
        return err;
    err = r->route->handler(r);
    costly_leave(r);
    return err;
}

static enum err
handle(struct request *r)
{
    const char *key;
    bool done = false;
    enum err err = gate_check(r);

    if (r->ended[0] != '\0')
        return answer_of_ended(r);
    if (err != ERR_NONE)
        return err;
    limits_hashing(r, r->user);
    if ((key = r->key) == NULL) /* a handler may clear it, so that its reply is not recorded */
        return run_handler(r);
    /* Entered before the look-up, so that no twin can finish between the two. */
    if ((err = key_enter(key)) != ERR_NONE)
        return err;
    if ((r->route->flags & UPLOAD) == 0)
        err = idempotency_replay(r, &done);
    if (err == ERR_NONE && !done && (err = run_handler(r)) != ERR_NONE)
        err = gate_answer_of_twin(r, err);
    key_leave(key);
    return err;
}

/* The methods of a path, for OPTIONS. */
static void
serve_options(struct request *r)
{
    if (router_find(r) == ERR_METHOD) {
        (void)!reply_empty(r, 204);
        return;
    }
    reply_problem(r, ERR_NOT_FOUND);
}

void
gate_serve(struct request *r)
{
    enum err err;

    if (strcmp(r->method_name, "OPTIONS") == 0) {
        serve_options(r);
        return;
    }
    err = handle(r);
    if (err != ERR_NONE && r->reply.begun)
        r->reply.broken = true;
    else if (err != ERR_NONE)
        reply_problem(r, err);
    else if (r->poll_topic[0] == '\0')
        reply_unchanged(r);
}
