/*
 * The order makes revocation certain: first the user's topic is followed, then the session's
 * document is read.  A revocation committed before the read shows in the document, one committed
 * after it arrives as an event.  Reads are batched: while one is under way, sessions that say hello
 * wait for the next.
 */
#include "push/clients/auth.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/must.h"
#include "common/base/vec.h"
#include "common/change/event.h"
#include "common/config.h"
#include "common/secrets/token.h"
#include "common/text/text.h"
#include "common/time/clock.h"
#include "push/clients/follow.h"
#include "push/clients/quota.h"
#include "push/metrics.h"
#include "push/net/session.h"
#include "push/sources/reads_people.h"
#include "push/topics/hub.h"

#define AT_ONCE    2     /* reads under way */
#define HELLO_COST 5     /* from the user's quota */
#define API_TOKEN  "tw_" /* how API tokens begin (the api's table of tokens) */

static struct {
    struct session **waiting;
    uint32_t count, size, under_way;
    long user_sockets;
    bool doubted; /* the epoch has changed: READY sessions are checked once more */
} auth;

void
auth_open(const struct config *config)
{
    auth.user_sockets = config->push_user_sockets;
}

static void
refuse(struct session *s, const char *why)
{
    metrics[METRIC_CUT_UNAUTHORISED]++;
    session_close(s, CLOSE_UNAUTHORISED, why);
}

static void
send_ready(struct session *s, const char *ref)
{
    char user[ID_TEXT];

    text_hex(user, s->user, ID_BYTES);
    session_send(s, wire_ready(user, hub_epoch(), sessions_heartbeat(), ref));
}

static void read_next(void);

/* One session's documents have been read: it becomes READY, or is refused. */
static void
judge(struct check_one *one, enum err err)
{
    struct session *s = one->session;
    char *ref;

    if (s->code != 0 || s->state == SESSION_NEW)
        return;
    if (err != ERR_NONE)
        return; /* auth_tick() tries again */
    s->doubted = false;
    if (!one->alive) {
        refuse(s, "the session has ended");
    } else if (s->state == SESSION_CHECKING) {
        if (!s->chosen)
            s->shown = one->shown;
        if (s->credential_gen < one->session_gen)
            s->credential_gen = one->session_gen;
        session_ready(s);
        ref = s->hello_ref;
        s->hello_ref = NULL;
        send_ready(s, ref);
        free(ref);
    }
}

/* A read has ended: judges its sessions and starts the next read. */
static void
checked(struct job *job)
{
    struct check *c = (struct check *)job;

    auth.under_way--;
    for (uint32_t i = 0; i < c->count; i++) {
        c->items[i].session->asked = false;
        judge(&c->items[i], job->err);
        session_drop(c->items[i].session);
    }
    free(c);
    read_next();
}

/* Starts reads for the sessions that wait. */
static void
read_next(void)
{
    while (auth.count > 0 && auth.under_way < AT_ONCE) {
        struct check *c = must_alloc(1, sizeof(*c));

        while (auth.count > 0 && c->count < READS_PEOPLE_MAX) {
            struct check_one *one = &c->items[c->count++];

            one->session = auth.waiting[--auth.count];
            memcpy(one->user, one->session->user, ID_BYTES);
            memcpy(one->sid, one->session->sid, ID_BYTES);
            one->link = one->session->by_link;
            one->token_gen = one->session->credential_gen;
        }
        c->job.done = checked;
        auth.under_way++;
        reads_people_check(c);
    }
}

/* Has the session checked against the database, unless that is under way. */
static void
check(struct session *s)
{
    if (s->asked)
        return;
    auth.waiting = vec_room(auth.waiting, auth.count, &auth.size, sizeof(*auth.waiting));
    s->asked = true;
    session_share(s);
    auth.waiting[auth.count++] = s;
    read_next();
}

void
auth_topic_ready(struct topic *t)
{
    for (int state = 0; state < FOLLOW_STATE__COUNT; state++)
        for (uint32_t i = t->follows[state].count; i-- > 0;)
            if (t->follows[state].at[i]->session->state == SESSION_CHECKING)
                check(t->follows[state].at[i]->session);
}

/* The removal of an API token is no event, so none of them may hold a socket open. */
static bool
is_api_token(const char *text, size_t len)
{
    return len >= strlen(API_TOKEN) && memcmp(text, API_TOKEN, strlen(API_TOKEN)) == 0;
}

/* Checks a token and begins to follow its user's topic; or closes the session. */
static void
begin(struct session *s, const char *text, size_t len)
{
    char name[EVENT_TOPIC] = "user:";
    struct token token;
    struct topic *t;

    if (is_api_token(text, len)) {
        metrics[METRIC_CUT_UNAUTHORISED]++;
        session_close(s, CLOSE_FORBIDDEN, "an API token cannot open a socket");
        return;
    }
    if (token_verify(text, len, &token) != ERR_NONE || !text_unhex(s->user, ID_BYTES, token.user) ||
        !text_unhex(s->sid, ID_BYTES, token.session)) {
        refuse(s, "the token is not valid");
        return;
    }
    strcat(name, token.user);
    s->by_link = token.link;
    s->expires = token.expires;
    s->credential_gen = token.generation;
    t = hub_want(name, s->user);
    if (hub_follows(t) >= (uint32_t)auth.user_sockets || !quota_take_user(t, HELLO_COST)) {
        metrics[METRIC_CUT_LIMIT]++;
        session_close(s, CLOSE_OVER_LIMIT, "too many sockets of this user");
        return;
    }
    s->state = SESSION_CHECKING;
    s->since = clock_steady();
    s->own = follow_begin(s, t, FOLLOW_QUIET, REASON_OWN);
    if (t->state == TOPIC_READY)
        check(s);
}

enum wire_error
auth_hello(struct session *s, const struct wire_in *in)
{
    if (s->state != SESSION_NEW)
        return WIRE_SAID_HELLO;
    if (in->ref[0] != '\0')
        s->hello_ref = text_dup(in->ref);
    begin(s, in->token, in->token_len);
    return WIRE_OK;
}

void
auth_token(struct session *s, const char *token, size_t len)
{
    begin(s, token, len);
}

enum wire_error
auth_renew(struct session *s, const struct wire_in *in)
{
    unsigned char user[ID_BYTES], sid[ID_BYTES];
    struct token token;

    if (token_verify(in->token, in->token_len, &token) != ERR_NONE ||
        !text_unhex(user, ID_BYTES, token.user) || !text_unhex(sid, ID_BYTES, token.session) ||
        token.link != s->by_link || memcmp(user, s->user, ID_BYTES) != 0 ||
        memcmp(sid, s->sid, ID_BYTES) != 0) {
        refuse(s, "the token belongs to another session");
        return WIRE_OK;
    }
    if (s->expires < token.expires)
        s->expires = token.expires;
    if (s->credential_gen < token.generation)
        s->credential_gen = token.generation;
    send_ready(s, in->ref);
    return WIRE_OK;
}

void
auth_session_ended(struct topic *t, const unsigned char sid[ID_BYTES])
{
    for (int state = 0; state < FOLLOW_STATE__COUNT; state++) {
        for (uint32_t i = t->follows[state].count; i-- > 0;) {
            struct session *s = t->follows[state].at[i]->session;

            if (memcmp(s->sid, sid, ID_BYTES) == 0)
                refuse(s, "the session has ended");
        }
    }
}

void
auth_generation_ended(struct topic *t, int64_t ended, const unsigned char kept[ID_BYTES])
{
    for (int state = 0; state < FOLLOW_STATE__COUNT; state++) {
        for (uint32_t i = t->follows[state].count; i-- > 0;) {
            struct session *s = t->follows[state].at[i]->session;

            if (s->credential_gen > ended)
                continue;
            if (memcmp(s->sid, kept, ID_BYTES) == 0)
                s->credential_gen = ended + 1;
            else
                refuse(s, "the session has ended");
        }
    }
}

static void
check_again(struct session *s, void *arg)
{
    (void)arg;
    if (s->state == SESSION_CHECKING && s->own->topic->state == TOPIC_READY)
        check(s);
}

static void
doubt(struct session *s, void *arg)
{
    (void)arg;
    s->doubted = true;
    check(s);
}

static void
check_doubted(struct session *s, void *arg)
{
    (void)arg;
    if (s->doubted)
        check(s);
}

void
auth_new_epoch(void)
{
    auth.doubted = true;
    sessions_each(doubt, NULL);
}

void
auth_tick(void)
{
    sessions_each_pending(check_again, NULL);
    if (auth.doubted)
        sessions_each(check_doubted, NULL);
}

void
auth_close(void)
{
    while (auth.count > 0)
        session_drop(auth.waiting[--auth.count]);
    free(auth.waiting);
    auth.waiting = NULL;
    auth.size = 0;
}
